"""`sasa-nas evaluate`: a trained network on plain, rotated, flipped and attacked images."""

from __future__ import annotations

from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sasa_nas.cli.options import DataFolder, Device
from sasa_nas.cli.value_checks import MOST_SEED
from sasa_nas.errors import UserError

if TYPE_CHECKING:
    from rich.console import Console

    from sasa_nas.workflows.evaluate import EvaluationReport, Measurement


class SplitName(StrEnum):
    """Splits that can be evaluated on."""

    VALIDATION = "validation"
    TEST = "test"


def _share(text: str) -> float:
    """Parse a number such as 0.03 or 8/255."""
    try:
        return float(Fraction(text))
    except (ValueError, ZeroDivisionError, OverflowError) as error:
        raise typer.BadParameter(f"'{text}' is no number such as 0.03 or 8/255") from error


def evaluate(
    target: Annotated[
        Path, typer.Argument(help="Folder of a training, of a run's trial or of an export.", show_default=False)
    ],
    dataset: Annotated[
        str | None,
        typer.Option(help="Data set; the one it was trained on if left out, unless a folder.", show_default=False),
    ] = None,
    split: Annotated[SplitName, typer.Option(help="The part of it.")] = SplitName.VALIDATION,
    rotations: Annotated[bool, typer.Option("--rotations", help="Also turn images by 90, 180, 270 degrees.")] = False,
    flips: Annotated[bool, typer.Option("--flips", help="Also mirror images, upside down and left to right.")] = False,
    pgd: Annotated[bool, typer.Option("--pgd", help="Also attack images by projected gradient descent.")] = False,
    pgd_epsilon: Annotated[
        list[float] | None,
        typer.Option(
            parser=_share,
            metavar="SHARE",
            help="Largest change of a pixel in [0, 1]; give it several times for several attacks.",
            show_default="8/255",
        ),
    ] = None,
    pgd_steps: Annotated[
        list[int] | None, typer.Option(min=1, help="Steps; several times for several attacks.", show_default="10")
    ] = None,
    pgd_step_size: Annotated[
        float | None,
        typer.Option(
            parser=_share, metavar="SHARE", help="Change of a pixel a step.", show_default="2.5 epsilon / steps"
        ),
    ] = None,
    pgd_targeted: Annotated[
        bool, typer.Option("--pgd-targeted", help="Drive each image to one wrong class drawn at random.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, max=MOST_SEED, help="Fixes the attacks' random starts and targets.")] = 0,
    batch_size: Annotated[int, typer.Option(min=1, help="Images at a time.")] = 256,
    device: Device = "auto",
    data_dir: DataFolder = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON alone.")] = False,
) -> None:
    """Measure a trained network: accuracy, zero-shot rotations and flips, adversarial accuracy."""
    if not pgd and (pgd_epsilon or pgd_steps or pgd_step_size is not None or pgd_targeted):
        raise UserError("the options --pgd-... belong to an attack; add --pgd")
    import sasa_nas
    from sasa_nas.cli.output import print_json, stdout_console

    attacks = sasa_nas.make_attacks(
        pgd_epsilon or [8 / 255], pgd_steps or [10], step_size=pgd_step_size, targeted=pgd_targeted
    )
    settings = sasa_nas.EvaluationSettings(
        dataset=dataset,
        split=split.value,
        rotations=rotations,
        flips=flips,
        attacks=attacks if pgd else (),
        seed=seed,
        batch_size=batch_size,
        data_dir=data_dir.resolve() if data_dir else None,
        device=device,
    )
    report = sasa_nas.evaluate(target, settings)
    if as_json:
        print_json(report)
    else:
        _print_report(stdout_console(), report)


def _print_report(console: Console, report: EvaluationReport) -> None:
    """Print the measurements as a table, with a line of facts above."""
    from sasa_nas.cli.output import percent, plain_table

    seeds = f", {len(report.seeds)} seeds" if len(report.seeds) > 1 else ""
    console.print(
        f"{report.target} (id {report.architecture_id}) on {report.images:,} {report.split} images of "
        f"{report.dataset}{seeds}",
        soft_wrap=True,
    )
    targeted = any(measurement.success for measurement in report.measurements)
    headings = ("accuracy", "target reached") if targeted else ("accuracy",)
    table = plain_table("images", *headings, right=headings)
    for measurement in report.measurements:
        shares = [measurement.accuracy] + ([measurement.success] if measurement.success else [])
        table.add_row(_title(measurement), *map(percent, shares))
    console.print(table)


def _title(measurement: Measurement) -> str:
    attack = measurement.attack
    if attack is None:
        return measurement.name.replace("_", " ")
    steps = f"{attack.steps} steps of {attack.step_size:.4g}"
    return f"{measurement.name}{' targeted' if attack.targeted else ''}, epsilon {attack.epsilon:.4g}, {steps}"
