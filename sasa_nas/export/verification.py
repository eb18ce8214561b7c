"""Whether the files of an export compute what the network in it does, each run without this package."""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from sasa_nas.errors import UserError, one_line
from sasa_nas.export import alone
from sasa_nas.export.format import Format, all_formats
from sasa_nas.export.names import ARCHITECTURE_FILE, WEIGHTS_FILE
from sasa_nas.export.weights import built, load_weights
from sasa_nas.models.builder import Network
from sasa_nas.space.architecture import Architecture
from sasa_nas.space.files import load_architecture

TOLERANCE = 1e-4
"""Largest difference of two logits that counts as equal, in float32."""
BATCHES = (1, 5)
SECONDS = 600
"""What one file may take."""


class FormatCheck(BaseModel):
    """One file on one batch.

    Attributes:
        format: The file's format.
        file: Its name.
        batch: Images at a time.
        largest_difference: Of any logit from the network's own; None where one is not finite or of another shape.
        ok: Whether that is at most the report's tolerance.
    """

    model_config = ConfigDict(frozen=True)

    format: str
    file: str
    batch: int
    largest_difference: float | None
    ok: bool


class VerificationReport(BaseModel):
    """What `sasa-nas verify-export --json` prints.

    Attributes:
        folder: The export.
        architecture_id: Of the network in it.
        seed: Of the random images.
        tolerance: See `TOLERANCE`.
        checks: Every file on every batch.
        ok: Whether all are.
    """

    model_config = ConfigDict(frozen=True)

    folder: str
    architecture_id: str
    seed: int
    tolerance: float
    checks: list[FormatCheck]
    ok: bool


def verify_export(folder: Path, *, seed: int = 0) -> VerificationReport:
    """Runs every format of an export on random images and compares it with the network that it was exported from.

    That is built by this package from `architecture.json` and `weights.safetensors`. Each file runs in a process that
    finds neither this package nor what it needs. Before anything is run, `model.py` must be to the letter what this
    version writes for the architecture, and `model.pt2` may hold nothing but plain tensors and torch's own operators:
    files from elsewhere are not executed.

    Args:
        folder: The export.
        seed: Fixes the images.

    Raises:
        UserError: If the folder is no export, a file is damaged or foreign, does not run, or needs a package that is
            not installed.
    """
    formats = _found(folder)
    architecture = load_architecture(folder / ARCHITECTURE_FILE)
    network = built(architecture, load_weights(folder / WEIGHTS_FILE))
    for kind in formats:
        kind.inspect(folder / kind.file, architecture)
    batches = [_images(architecture, batch, seed) for batch in BATCHES]
    expected = _answers(network, batches)
    checks = []
    for kind in formats:
        answers = _run_alone(kind, folder / kind.file, batches)
        checks += [_check(kind, *pair) for pair in zip(expected, answers, strict=True)]
    return VerificationReport(
        folder=str(folder),
        architecture_id=architecture.id,
        seed=seed,
        tolerance=TOLERANCE,
        checks=checks,
        ok=all(check.ok for check in checks),
    )


def _found(folder: Path) -> list[Format]:
    """The formats that an export holds."""
    if not folder.is_dir():
        raise UserError(f"there is no folder '{folder}'; give one that `sasa-nas export` wrote")
    for name in (ARCHITECTURE_FILE, WEIGHTS_FILE):
        if not (folder / name).is_file():
            raise UserError(f"{folder} holds no {name}, so it is no whole export; export again")
    known = all_formats()
    found = [kind for kind in known if (folder / kind.file).is_file()]
    if not found:
        raise UserError(f"{folder} holds none of {', '.join(kind.file for kind in known)}, so it is no export")
    for kind in found:
        kind.require_loader()
    return found


def _images(architecture: Architecture, batch: int, seed: int) -> Tensor:
    image = architecture.image
    generator = torch.Generator().manual_seed(seed)
    try:
        return torch.randn(batch, image.channels, image.height, image.width, generator=generator)
    except RuntimeError as error:
        raise UserError(f"no memory for {batch} images of {image.height}x{image.width} pixels") from error


def _answers(network: Network, batches: Sequence[Tensor]) -> list[Tensor]:
    try:
        with torch.no_grad():
            return [network(images) for images in batches]
    except RuntimeError as error:
        raise UserError(f"the network cannot be run: {one_line(error)[:200]}") from error


def _run_alone(kind: Format, file: Path, batches: Sequence[Tensor]) -> list[Tensor]:
    """The answers of a file to batches of images, computed in a process of its own."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        for i, images in enumerate(batches):
            np.save(place / f"images_{i}.npy", images.numpy())
        # -P: the folder of the script, whose files belong to the package, is not searched for modules
        loader = place / "loader.py"
        loader.write_text(alone.loader_source(kind.load), encoding="utf-8")
        blocked = () if kind.needs_torch else ("torch",)
        command = [sys.executable, "-P", alone.__file__, str(loader), str(file.resolve()), str(place), *blocked]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
        except subprocess.TimeoutExpired as error:
            raise UserError(f"{file} has not answered after {SECONDS} seconds") from error
        if done.returncode != 0:
            lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
            raise UserError(f"{file} does not run: {lines[-1][:200]}; export again")
        try:
            answers = [np.load(place / f"logits_{i}.npy") for i in range(len(batches))]
        except (OSError, ValueError) as error:
            raise UserError(f"{file} does not answer with numbers: {one_line(error)[:200]}") from error
    return [torch.from_numpy(answer) for answer in answers]


def _check(kind: Format, expected: Tensor, answer: Tensor) -> FormatCheck:
    difference = float("nan")
    if answer.shape == expected.shape:
        difference = float((answer - expected).abs().max())
    finite = difference == difference and difference != float("inf")
    return FormatCheck(
        format=kind.name,
        file=kind.file,
        batch=len(expected),
        largest_difference=difference if finite else None,
        ok=finite and difference <= TOLERANCE,
    )
