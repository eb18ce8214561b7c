"""Options that several commands have."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from sasa_nas.cli.counts import parse_count

Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
DataFolder = Annotated[Path | None, typer.Option(help="Where data sets lie or are downloaded to.", show_default=False)]
SpaceDataset = Annotated[
    str | None, typer.Option(help="Data set, instead of the space's; see `list datasets`.", show_default=False)
]
SpaceEpochs = Annotated[
    int | None, typer.Option(min=1, help="Epochs of each training, instead of the space's.", show_default=False)
]
SpaceTrainImages = Annotated[
    int | None,
    typer.Option(
        parser=parse_count,
        metavar="N",
        help="Train on a stratified subset of so many images, instead of the space's number.",
        show_default=False,
    ),
]


class SamplerName(StrEnum):
    """Names of `sasa_nas.run.records.Sampler`, without an import of torch."""

    TPE = "tpe"
    NSGA2 = "nsga2"
    NSGA3 = "nsga3"
    RANDOM = "random"
    GP = "gp"
    MODEL = "model"


class BalancedAtName(StrEnum):
    """Names of `sasa_nas.run.records.BalancedAt`, likewise."""

    DESIGN = "design"
    FLOPS = "flops"
