"""`sasa-nas export` writes files that work without this package; `sasa-nas verify-export` verifies them."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sasa_nas.cli.value_checks import MOST_SEED
from sasa_nas.errors import UserError
from sasa_nas.exporting.formats import FORMATS

if TYPE_CHECKING:
    from sasa_nas.exporting.verification_report import VerificationReport
    from sasa_nas.workflows.export import Exported


class SizeName(StrEnum):
    """Size of a search trial's network to export."""

    PROXY = "proxy"
    TARGET = "target"


def export(
    target: Annotated[
        str,
        typer.Argument(
            metavar="RUN|FOLDER|NAME|FILE",
            help="A run's folder; a trial's, a training's; a named network; a network's file.",
            show_default=False,
        ),
    ],
    trial: Annotated[int | None, typer.Option(min=0, help="Of a run: the trial's number.", show_default=False)] = None,
    pick: Annotated[
        str | None,
        typer.Option(help="Of a run: `best` (highest accuracy) or `knee` of the front.", show_default="best"),
    ] = None,
    formats: Annotated[
        str, typer.Option("--format", help=f"One or several of {', '.join(FORMATS)}, with commas between.")
    ] = "module",
    size: Annotated[
        SizeName,
        typer.Option(
            help="Of a run: the network that the search trained, or the full-size design: as `retrain` trained it, "
            "else with random weights."
        ),
    ] = SizeName.PROXY,
    weights: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Of a full-size design, a name or a file: take the weights of this safetensors file.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=MOST_SEED,
            help="Of a training: which seed's weights. Of random weights: fixes them.",
            show_default="a training's first, a retraining's best",
        ),
    ] = None,
    weights_license: Annotated[
        str | None, typer.Option(help="The license of the weights, for the model card.", show_default=False)
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The folder to write; exports/<name> if left out.", show_default=False)
    ] = None,
) -> None:
    """Write a network as a Python module, a torch.export program, an ONNX model: files that need no sasa-nas."""
    if trial is not None and pick is not None:
        raise UserError("--trial and --pick exclude each other; give one of them")
    import sasa_nas
    from sasa_nas.cli.output import shell_line, stderr_console

    request = sasa_nas.ExportRequest(
        formats=formats.split(","),
        size=size.value,
        choice=sasa_nas.WeightsChoice(weights, seed),
        out=out,
        command=shell_line("sasa-nas", *sys.argv[1:]),
        weights_license=weights_license,
    )
    with stderr_console().status("writing ..."):
        exported = sasa_nas.export(target, request, trial=trial, pick=pick)
    _print_export(exported)


def verify_export(
    folder: Annotated[Path, typer.Argument(help="A folder that `sasa-nas export` wrote.", show_default=False)],
    seed: Annotated[int, typer.Option(min=0, max=MOST_SEED, help="Fixes the random images.")] = 0,
    trust: Annotated[
        bool,
        typer.Option(
            "--trust",
            help="Run files that hold something else than this version of sasa-nas writes, too: whoever wrote them can "
            "do what you can. Without it they are refused.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON alone.")] = False,
) -> None:
    """Run every file of an export without sasa-nas and compare it with the network it was exported from.

    Nothing runs that this version could not have written for the architecture: model.py to the letter, the graphs in
    model.pt2 and model.onnx by their operators. It all has half an hour, half of the memory, and on Linux no place to
    write to. Exit status 2 if a logit differs by more than 1e-4; of detectors, the edge of a box by as much of the
    image's side, or a score.
    """
    import sasa_nas
    from sasa_nas.cli.output import print_json, stderr_console

    with stderr_console().status("running the files ..."):
        report = sasa_nas.verify_export(folder, seed=seed, trust=trust)
    if as_json:
        print_json(report)
    else:
        _print_report(report)
    wrong = [check for check in report.checks if not check.ok]
    if wrong:
        raise UserError(
            f"{report.folder}: {wrong[0].file} does not compute what {report.architecture_id} with these weights does; "
            "export again"
        )


def _print_export(exported: Exported) -> None:
    """Print the files, the source of the weights, and the next steps."""
    from sasa_nas.cli.output import program, shell_line, stdout_console

    console, card = stdout_console(), exported.card
    console.print(f"{card.name} is in {exported.folder}: {', '.join(exported.files)}", soft_wrap=True)
    accuracy = "" if card.accuracy is None else f", {100 * card.accuracy:.2f}% on validation"
    if card.ap is not None:
        accuracy = f", average precision {100 * card.ap:.2f}% on validation"
    console.print(f"Weights: {card.weights_line}{accuracy}", soft_wrap=True)
    if card.note:
        console.print(card.note, soft_wrap=True)
    for hint in exported.hints:
        console.print(f"\n{hint}", soft_wrap=True)
    check = shell_line(program(), "verify-export", exported.folder)
    console.print(f"\nCheck it (README.md there shows its use):\n  {check}", soft_wrap=True)


def _print_report(report: VerificationReport) -> None:
    """Print one row per check."""
    from sasa_nas.cli.output import plain_table, stdout_console

    console = stdout_console()
    console.print(
        f"{report.folder} (id {report.architecture_id}): each file without sasa-nas, against the network built from "
        "architecture.json",
        soft_wrap=True,
    )
    table = plain_table("format", "file", "images", "largest difference", "", right=("images", "largest difference"))
    for check in report.checks:
        difference = "not finite" if check.largest_difference is None else f"{check.largest_difference:.1e}"
        table.add_row(check.format, check.file, str(check.batch), difference, "ok" if check.ok else "WRONG")
    console.print(table)
    console.print(f"Largest difference of {report.difference} allowed: {report.tolerance:g}", soft_wrap=True)
    if not report.confined:
        console.print("This system has no means to keep what ran from writing to files.", soft_wrap=True)
