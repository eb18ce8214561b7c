"""A program that runs one file of an export with this package and its dependencies blocked.

    python -P alone.py LOADER FILE FOLDER [PACKAGE ...]

LOADER is a Python file whose `load` makes a function of FILE; each PACKAGE is blocked too. Reads batches of images
from `FOLDER/images_*.npy`, `(B, C, H, W)` of float32, and writes the network's outputs beside them: of `images_0.npy`,
`outputs_0_0.npy`, `outputs_0_1.npy` and so on.
It imports nothing of the package, because it has to run where the package is blocked.
"""

import importlib.util
import inspect
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

BLOCKED = {"sasa_nas", "safetensors", "pydantic", "optuna", "ray", "timm"}
"""Packages that no export needs."""


class Blocker:
    """A finder of modules, placed before all others, that reports some packages as missing."""

    def __init__(self, packages: set[str]) -> None:
        self.packages = packages

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """Return None, which leaves a module to the other finders, unless its package is blocked.

        Raises:
            ModuleNotFoundError: If the package is blocked.
        """
        if name.partition(".")[0] in self.packages:
            raise ModuleNotFoundError(f"{name} is blocked", name=name)
        return None


def loader_source(load: Callable[[Path], Any]) -> str:
    """Return a module that holds a format's `load` and nothing else."""
    return f"from __future__ import annotations\n\n{inspect.getsource(load)}"


def read_loader(file: Path) -> Callable[[Path], Callable[[Any], Any]]:
    """Return the `load` of a module written by `loader_source`."""
    spec = importlib.util.spec_from_file_location("loader", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    load: Callable[[Path], Callable[[Any], Any]] = module.load
    return load


def arrays(answer: Any) -> list[Any]:
    """Return the arrays of nested lists and tuples of arrays and tensors, in their order."""
    if isinstance(answer, list | tuple):
        return [array for part in answer for array in arrays(part)]
    return [answer.numpy() if hasattr(answer, "numpy") else answer]


def main(loader: Path, file: Path, folder: Path, blocked: set[str]) -> None:
    """Run the file on every batch in `folder`, with further packages blocked."""
    sys.meta_path.insert(0, Blocker(BLOCKED | blocked))
    import numpy as np

    network = read_loader(loader)(file)
    for images in sorted(folder.glob("images_*.npy")):
        for i, output in enumerate(arrays(network(np.load(images)))):
            np.save(folder / f"{images.stem.replace('images', 'outputs')}_{i}.npy", output)


if __name__ == "__main__":
    _loader, _file, _folder = map(Path, sys.argv[1:4])
    main(_loader, _file, _folder, set(sys.argv[4:]))
