"""Checks of whole networks: they learn, are scored, and are written for use without the package."""

import ast
import importlib.util
import io
import math
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from sasa_nas.data.splits import ImageSet
from sasa_nas.errors import UserError
from sasa_nas.export import ModelCard, export_network
from sasa_nas.export.program import require_onnx, trace, write_onnx
from sasa_nas.models import Network, build
from sasa_nas.scores import SCORES, compute_scores
from sasa_nas.space import Architecture
from sasa_nas.space.stage import BLOCKS
from sasa_nas.testing.case import Case, as_trained, random_maps, seeded
from sasa_nas.testing.check import Nonconformity, NotApplicable

STEPS = 6
"""Steps of training in which a network of two blocks learns eight images."""

LEARNT = 0.9
"""Loss after these steps as a share of the first, at most."""


def learns(case: Case) -> None:
    """The loss falls on a few images in every kind of residual block that the operator fits; it fits one at least."""
    fitting = 0
    for block in BLOCKS:
        try:
            architecture = case.architecture(block)
        except ValueError:
            continue
        fitting += 1
        first, last = _trained_losses(architecture)
        if not last < LEARNT * first:
            raise Nonconformity(
                f"in {block} blocks the loss goes from {first:.2f} to {last:.2f} in {STEPS} steps on eight images; "
                "look at its initial weights and the scale of its output"
            )
    if not fitting:
        raise Nonconformity("fits no kind of residual block; let check_width pass some widths")


def _trained_losses(architecture: Architecture) -> tuple[float, float]:
    images = _images(architecture, 8).float()
    labels = torch.arange(8) % architecture.num_classes
    with seeded():
        network = build(architecture).train()
        optimiser = torch.optim.AdamW(network.parameters(), lr=1e-2)
        losses: list[float] = []
        for _ in range(STEPS):
            loss = F.cross_entropy(network(images), labels)
            losses.append(loss.item())
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    return losses[0], losses[-1] if math.isfinite(losses[-1]) else math.inf


def scores(case: Case) -> None:
    """Every training-free score of a network with it is a finite number."""
    architecture = case.architecture()
    images = ImageSet(_images(architecture, 40).float(), torch.arange(40) % architecture.num_classes)
    found = compute_scores(architecture, SCORES, images, seed=0, device=torch.device("cpu"))
    missing = [score for score in SCORES if score not in found]
    if missing:
        raise Nonconformity(
            f"the score {missing[0]} of a network with it is not finite; weights that do not sum to one need bound_flow"
        )


def exported_program(case: Case) -> None:
    """A program of torch.export computes the network's logits for one image and for five."""
    architecture, network = _network(case)
    program = trace(network).module()
    for batch in (1, 5):
        images = _images(architecture, batch).float()
        with torch.no_grad():
            _require_close(program(images), network(images), "a program of torch.export")


def onnx_model(case: Case) -> None:
    """A model in ONNX computes the network's logits for one image and for five."""
    try:
        require_onnx()
    except UserError as error:
        raise NotApplicable(str(error)) from error
    if importlib.util.find_spec("onnxruntime") is None:
        raise NotApplicable("needs the package onnxruntime: pip install 'sasa-nas[onnx]'")
    from sasa_nas.export.alone import LOADERS

    architecture, network = _network(case)
    with _scratch() as folder, redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        file = folder / "model.onnx"
        write_onnx(trace(network), file)
        run = LOADERS["onnx"](file)
        for batch in (1, 5):
            images = _images(architecture, batch).float()
            with torch.no_grad():
                _require_close(torch.from_numpy(run(images.numpy())), network(images), "a model in ONNX")


def written_module(case: Case) -> None:
    """The module that `export` writes imports torch alone, and computes the network's logits bit for bit."""
    from sasa_nas.export.alone import LOADERS

    architecture, network = _network(case)
    with _scratch() as folder:
        export_network(architecture, network.state_dict(), folder / "net", ModelCard("net"), ("module",))
        file = folder / "net" / "model.py"
        strangers = _imported(file) - {"torch", *sys.stdlib_module_names}
        if strangers:
            raise Nonconformity(f"the written module imports {min(strangers)}; import torch alone where layers are")
        run = LOADERS["module"](file)
        images = _images(architecture, 3).float()
        with torch.no_grad():
            if not torch.equal(torch.from_numpy(run(images.numpy())), network(images)):
                raise Nonconformity(
                    "the module that export writes has other logits; keep every argument as an attribute"
                )


def _imported(file: Path) -> set[str]:
    """Return the top-level packages that a file imports, but for what it only tries to import."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    tried = {id(node) for part in ast.walk(tree) if isinstance(part, ast.Try) for node in ast.walk(part)}
    nodes = [node for node in ast.walk(tree) if id(node) not in tried]
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    return {name.partition(".")[0] for name in names}


def _network(case: Case) -> tuple[Architecture, Network]:
    """Return the first architecture of all blocks that the operator fits, and its network as training leaves it."""
    for block in ("basic", *BLOCKS):
        try:
            architecture = case.architecture(block)
        except ValueError:
            continue
        with seeded():
            network = build(architecture)
        as_trained(network, _images(architecture, 4).float())
        return architecture, network
    raise NotApplicable("fits no kind of residual block")


def _images(architecture: Architecture, batch: int) -> Tensor:
    image = architecture.image
    return random_maps(batch, image.channels, image.height, image.width)


def _require_close(found: Tensor, expected: Tensor, what: str) -> None:
    worst = (found - expected).abs().max().item() / (expected.abs().max().item() or 1.0)
    if not worst <= 1e-4:
        raise Nonconformity(
            f"{what} differs by {worst:.1e} of the largest logit for a batch of {len(expected)}; let forward branch on "
            "no tensor's value and on no batch size"
        )


@contextmanager
def _scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="sasa_nas_") as folder:
        yield Path(folder)
