"""Verification that the files of an export compute its network, each run without this package."""

import io
import math
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sasa_nas.errors import UserError, one_line, printable
from sasa_nas.exporting import alone
from sasa_nas.exporting.contents import last_line, read_contents, require_regular
from sasa_nas.exporting.foreign import ForeignFileError
from sasa_nas.exporting.format import Contents, Format, all_formats
from sasa_nas.exporting.names import ARCHITECTURE_FILE, CONFIG_FILE, EARLIER_WEIGHTS_FILE, WEIGHTS_FILE
from sasa_nas.exporting.task_export import Output, TaskExport, task_export
from sasa_nas.exporting.verification_report import FormatCheck, VerificationReport
from sasa_nas.exporting.weights import built, check_weights, load_weights, save_weights
from sasa_nas.space.architecture import Image
from sasa_nas.space.files import load_network
from sasa_nas.space.network import NetworkDescription

TOLERANCE = 1e-4
"""Largest difference of two outputs that counts as equal, in float32 and in the units of `task_export.Output`."""
BATCHES = (1, 5)
SECONDS = 600
"""Most seconds of one file's run."""
LARGEST_ARCHITECTURE = 1 << 20
"""Most bytes of an architecture's description."""
LARGEST_CONFIG = 1 << 24
"""Most bytes of a configuration, which may have the names of many classes."""
LARGEST_ANSWER = 1 << 28
"""Most bytes of an output of a batch."""


def verify_here(folder: Path, *, seed: int = 0, trust: bool = False) -> VerificationReport:
    """Run every format of an export on random images and compare it with the network that it was exported from.

    The network is built by this package from `architecture.json` and `model.safetensors`. Each file runs in a process
    in which this package and its dependencies are blocked, as a copy of the contents that its format's `inspect` has
    checked. `verifying.verify_export` does all this under limits.

    Args:
        folder: The export.
        seed: Seed of the images.
        trust: Whether to run files with content that this version of sasa-nas does not write, too.

    Raises:
        UserError: If the folder is no export, a file is damaged or foreign, does not run, or needs a package that is
            not installed.
    """
    formats = _found(folder)
    architecture = load_network(folder / ARCHITECTURE_FILE)
    task = task_export(architecture)
    weights_file = _weights_file(folder)
    weights = load_weights(folder / weights_file)
    _require_tensors(architecture, weights)
    check_weights(architecture, weights)
    for content in read_contents(folder, [CONFIG_FILE], largest=LARGEST_CONFIG).values():
        try:
            task.check_config(content, architecture)
        except UserError as error:
            raise UserError(f"{printable(folder)}: {error}") from error
    runnable = [_runnable(kind, folder, architecture, trust) for kind in formats]
    batches = [_images(architecture.trunk.image, batch, seed) for batch in BATCHES]
    expected = _answers(task, built(architecture, weights), batches)
    outputs = task.outputs(architecture)
    checks = []
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name)
        save_weights(copy / weights_file, weights)
        for kind, contents in zip(formats, runnable, strict=True):
            for file, content in contents.items():
                (copy / file).write_bytes(content)
            answers = _run_alone(kind, copy / kind.file, batches, outputs)
            checks += [_check(kind, outputs, *pair) for pair in zip(expected, answers, strict=True)]
    return VerificationReport(
        folder=printable(folder),
        architecture_id=architecture.id,
        seed=seed,
        tolerance=TOLERANCE,
        difference=task.difference,
        checks=checks,
        ok=all(check.ok for check in checks),
    )


def _found(folder: Path) -> list[Format]:
    """Return the formats of an export's files."""
    if not folder.is_dir():
        raise UserError(f"there is no folder '{printable(folder)}'; give one that `sasa-nas export` wrote")
    require_regular(folder, [ARCHITECTURE_FILE], largest=LARGEST_ARCHITECTURE)
    expected = [ARCHITECTURE_FILE, _weights_file(folder)]
    held = require_regular(folder, expected)
    for name in expected:
        if name not in held:
            raise UserError(f"{printable(folder)} holds no {name}, so it is no whole export; export again")
    known = all_formats()
    found = [kind for kind in known if require_regular(folder, [kind.file])]
    if not found:
        names = ", ".join(kind.file for kind in known)
        raise UserError(f"{printable(folder)} holds none of {names}, so it is no export")
    for kind in found:
        kind.require_loader()
    return found


def _weights_file(folder: Path) -> str:
    """Return the name of an export's weights; exports of earlier versions have another."""
    earlier = not (folder / WEIGHTS_FILE).exists() and (folder / EARLIER_WEIGHTS_FILE).exists()
    return EARLIER_WEIGHTS_FILE if earlier else WEIGHTS_FILE


def _require_tensors(architecture: NetworkDescription, weights: Mapping[str, Tensor]) -> None:
    """Check, without building the network, that there are enough tensors: each block has at least one."""
    blocks = sum(stage.blocks for stage in architecture.trunk.stages)
    if blocks > len(weights):
        raise UserError(
            f"the weights are not those of architecture {architecture.id}: {len(weights)} tensors for {blocks} blocks; "
            "export again"
        )


def _runnable(kind: Format, folder: Path, architecture: NetworkDescription, trust: bool) -> Contents:
    """Return the files of a format that may be run: those that sasa-nas could have written, or any if trusted."""
    contents = read_contents(folder, [kind.file, *kind.further_files])
    try:
        return kind.inspect(contents, architecture)
    except ForeignFileError as error:
        if trust:
            return contents
        raise UserError(
            f"{printable(folder)}: {error}; export again, or add --trust to run what it holds with your own rights"
        ) from error
    except UserError as error:
        raise UserError(f"{printable(folder)}: {error}") from error


def _images(image: Image, batch: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    try:
        return torch.randn(batch, image.channels, image.height, image.width, generator=generator)
    except RuntimeError as error:
        raise UserError(f"no memory for {batch} images of {image.height}x{image.width} pixels") from error


def _answers(task: TaskExport[Any], network: nn.Module, batches: Sequence[Tensor]) -> list[Sequence[Tensor]]:
    """Return the outputs for each batch of images, as the package computes them."""
    reference = task.reference(network)
    try:
        with torch.no_grad():
            return [reference(images) for images in batches]
    except RuntimeError as error:
        raise UserError(f"the network cannot be run: {one_line(error)[:200]}") from error


def _run_alone(
    kind: Format, file: Path, batches: Sequence[Tensor], outputs: Sequence[Output]
) -> list[Sequence[Tensor]]:
    """Return a file's outputs for each batch of images, computed in a separate process."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        for i, images in enumerate(batches):
            np.save(place / f"images_{i}.npy", images.numpy())
        # -P: the folder of the script, whose files belong to the package, is not searched for modules
        loader = place / "loader.py"
        loader.write_text(alone.loader_source(kind.load), encoding="utf-8")
        blocked = () if kind.needs_torch else ("torch",)
        command = [sys.executable, "-P", alone.__file__, str(loader), str(file.resolve()), str(place), *blocked]
        # a file, unlike a pipe, costs no memory however much is written to it
        output = place / "output"
        with output.open("wb") as stream:
            try:
                done = subprocess.run(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=stream,
                    timeout=SECONDS,
                    check=False,
                )
            except subprocess.TimeoutExpired as error:
                raise UserError(f"{file.name} has not answered after {SECONDS} seconds") from error
        if done.returncode != 0:
            reason = last_line(output) or f"exit status {done.returncode}"
            raise UserError(f"{file.name} does not run: {reason}; export again")
        try:
            return [
                [_read_answer(place, f"outputs_{i}_{k}.npy") for k in range(len(outputs))] for i in range(len(batches))
            ]
        except (OSError, KeyError, ValueError, TypeError, EOFError, MemoryError) as error:
            raise UserError(f"{file.name} does not answer with numbers: {one_line(error)[:200]}") from error


def _read_answer(place: Path, name: str) -> Tensor:
    answer: Any = np.load(io.BytesIO(read_contents(place, [name], largest=LARGEST_ANSWER)[name]), allow_pickle=False)
    if answer.dtype != np.float32:
        raise TypeError(f"they are {answer.dtype}, not float32")
    return torch.from_numpy(answer)


def _check(
    kind: Format, outputs: Sequence[Output], expected: Sequence[Tensor], answer: Sequence[Tensor]
) -> FormatCheck:
    differences = torch.tensor(
        [_difference(*pair) / output.unit for output, *pair in zip(outputs, expected, answer, strict=True)]
    )
    # the largest one of numbers that are not all finite is not finite either
    difference = float(differences.max())
    finite = math.isfinite(difference)
    return FormatCheck(
        format=kind.name,
        file=kind.file,
        batch=len(expected[0]),
        largest_difference=difference if finite else None,
        ok=finite and difference <= TOLERANCE,
    )


def _difference(expected: Tensor, answer: Tensor) -> float:
    """Return the largest difference of two tensors, not a number if their shapes differ."""
    return float((answer - expected).abs().max()) if answer.shape == expected.shape else math.nan
