"""`sasa-nas check-operator`: the conformance suite over the operators of a file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sasa_nas.cli.echo import echo

if TYPE_CHECKING:
    from sasa_nas.testing import ConformanceCheck, Outcome

_NAMED = 3
"""Most failures that the last line names."""


def check_operator(
    file: Annotated[
        Path,
        typer.Argument(help="Python file that registers operators of your own, and is executed.", show_default=False),
    ],
    kind: Annotated[str | None, typer.Option(help="Check this kind alone.", show_default="all of the file")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Leave out exports to torch.export and ONNX.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON alone.")] = False,
) -> None:
    """Check operators of your own: shapes, gradients, counts, exports and the rest that searches rely on."""
    from sasa_nas.cli.output import print_plain_json, program, shell_line
    from sasa_nas.errors import UserError, printable
    from sasa_nas.operators.plugins import kinds_of, load_operators
    from sasa_nas.testing import conformance_checks

    kinds = kinds_of(load_operators(file))
    if kind is not None and kind not in kinds:
        raise UserError(f"{printable(file)} registers no operator '{kind}'; it registers: {', '.join(kinds)}")
    found: list[tuple[ConformanceCheck, Outcome]] = []
    for name in kinds if kind is None else (kind,):
        for check in conformance_checks(name, quick=quick):
            outcome = check.outcome()
            found.append((check, outcome))
            if not as_json:
                message = f": {outcome.message}" if outcome.message else ""
                echo(f"{outcome.status:<8} {check}{message}")
    failed = [check for check, outcome in found if outcome.status == "failed"]
    if as_json:
        rows = [{"kind": check.kind, "check": check.check.name, **asdict(outcome)} for check, outcome in found]
        print_plain_json(rows)
    else:
        counts = {status: sum(o.status == status for _, o in found) for status in ("ok", "failed", "skipped")}
        echo(", ".join(f"{number} {status}" for status, number in counts.items()))
        if not failed:
            echo(f"Search over it: {shell_line(program(), 'search', '--space', 'SPACE', '--operators', file)}")
    if failed:
        more = ", ..." if len(failed) > _NAMED else ""
        raise UserError(f"{len(failed)} of {len(found)} checks failed: {', '.join(map(str, failed[:_NAMED]))}{more}")
