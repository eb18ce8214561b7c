"""Checks of exported networks."""

import ast
import io
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sasa_nas.errors import UserError
from sasa_nas.exporting import alone
from sasa_nas.exporting.card import ModelCard
from sasa_nas.exporting.folder import export_network
from sasa_nas.exporting.format import Subject, format_of
from sasa_nas.exporting.program import trace
from sasa_nas.models import Network, build
from sasa_nas.space import Architecture
from sasa_nas.testing.case import Case, as_trained, cases_of, network_of, random_maps, seeded
from sasa_nas.testing.check import Nonconformity, NotApplicable


def exported_program(case: Case) -> None:
    """Check that a program of torch.export computes the network's logits, for one image and for five."""
    # the examples say it; defaults that are no example are as a rule a larger window
    examples = [other for other in cases_of(case.entry.kind) if other.options] or [case]
    network = _as_trained(network_of(examples))
    _require_same_logits(trace(network, network.architecture.image).module(), network, "a program of torch.export")


def onnx_model(case: Case) -> None:
    """Check that an ONNX model computes the network's logits, for one image and for five."""
    onnx = format_of("onnx")
    try:
        onnx.require_writer()
        onnx.require_loader()
    except UserError as error:
        raise NotApplicable(str(error)) from error
    network = _as_trained(network_of([case]))
    with _scratch() as folder, redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        onnx.write(Subject(network.architecture, network.state_dict(), "net"), folder)
        _require_same_logits(_on_arrays(onnx.load(folder / onnx.file)), network, "a model in ONNX")


def written_module(case: Case) -> None:
    """Check that the module of `export` imports torch alone, and computes the network's logits bit for bit."""
    architecture = network_of(cases_of(case.entry.kind))
    network = _as_trained(architecture)
    with _scratch() as folder:
        export_network(architecture, network.state_dict(), folder / "net", ModelCard("net"), ("module",))
        file = folder / "net" / "model.py"
        strangers = _imported(file) - {"torch", *sys.stdlib_module_names}
        if strangers:
            raise Nonconformity(f"the written module imports {min(strangers)}; import torch alone where layers are")
        images = _images(architecture, 3)
        with torch.no_grad():
            if not torch.equal(_on_arrays(format_of("module").load(file))(images), network(images)):
                raise Nonconformity("the written module has other logits; keep every argument as an attribute")


def _as_trained(architecture: Architecture) -> Network:
    with seeded():
        network = build(architecture)
    as_trained(network, _images(architecture, 4))
    return network


def _images(architecture: Architecture, batch: int) -> Tensor:
    image = architecture.image
    return random_maps(batch, image.channels, image.height, image.width, dtype=torch.float32)


def _on_arrays(run: Callable[[Any], Any]) -> Callable[[Tensor], Tensor]:
    def on_tensors(images: Tensor) -> Tensor:
        (logits,) = alone.arrays(run(images.numpy()))
        return torch.from_numpy(logits)

    return on_tensors


def _require_same_logits(run: Callable[[Tensor], Tensor], network: Network, what: str) -> None:
    for batch in (1, 5):
        images = _images(network.architecture, batch)
        with torch.no_grad():
            found, expected = run(images), network(images)
        worst = (found - expected).abs().max().item() / (expected.abs().max().item() or 1.0)
        if not worst <= 1e-4:
            raise Nonconformity(
                f"{what} differs by {worst:.1e} of the largest logit for a batch of {batch}; let forward branch on no "
                "tensor's value and on no batch size"
            )


def _imported(file: Path) -> set[str]:
    """Return the top-level packages that a file imports, without those imported inside `try`."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    tried = {id(node) for part in ast.walk(tree) if isinstance(part, ast.Try) for node in ast.walk(part)}
    nodes = [node for node in ast.walk(tree) if id(node) not in tried]
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    return {name.partition(".")[0] for name in names}


@contextmanager
def _scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="sasa_nas_") as folder:
        yield Path(folder)
