"""Runs one file of an export as a program of its own, which finds neither this package nor what it needs.

    python -P alone.py FORMAT FILE FOLDER

Reads batches of images from `FOLDER/images_*.npy`, `(B, C, H, W)` of float32, and writes the network's answers beside
them as `logits_*.npy`. It imports nothing of the package, because it has to run where the package is blocked.
"""

import importlib.util
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

BLOCKED = {
    "module": {"sasa_nas", "safetensors", "pydantic", "optuna", "ray"},
    "torch_export": {"sasa_nas", "safetensors", "pydantic", "optuna", "ray"},
    "onnx": {"sasa_nas", "safetensors", "pydantic", "optuna", "ray", "torch"},
}
"""Packages that a format must not need."""


class Blocker:
    """A finder of modules before all others, which finds some packages missing."""

    def __init__(self, packages: set[str]) -> None:
        self.packages = packages

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """None, which leaves a module to the other finders, unless its package is blocked.

        Raises:
            ModuleNotFoundError: If it is.
        """
        if name.partition(".")[0] in self.packages:
            raise ModuleNotFoundError(f"{name} is blocked", name=name)
        return None


def load_module(file: Path) -> Callable[[Any], Any]:
    """The network that the module in `file` loads, from and to arrays."""
    import torch

    spec = importlib.util.spec_from_file_location("exported", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    network = module.load()
    return torch.no_grad()(lambda images: network(torch.from_numpy(images)).numpy())


def load_program(file: Path) -> Callable[[Any], Any]:
    """The program that `torch.export.save` wrote, from and to arrays."""
    import torch

    network = torch.export.load(file).module()
    return torch.no_grad()(lambda images: network(torch.from_numpy(images)).numpy())


def load_onnx(file: Path) -> Callable[[Any], Any]:
    """The ONNX model, from and to arrays."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    return lambda images: session.run(["logits"], {"images": images})[0]


LOADERS = {"module": load_module, "torch_export": load_program, "onnx": load_onnx}


def main(kind: str, file: Path, folder: Path) -> None:
    """Runs the file on every batch in `folder`."""
    sys.meta_path.insert(0, Blocker(BLOCKED[kind]))
    import numpy as np

    network = LOADERS[kind](file)
    for images in sorted(folder.glob("images_*.npy")):
        np.save(folder / images.name.replace("images", "logits"), network(np.load(images)))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
