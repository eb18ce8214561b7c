"""Single files of timm as oracles, without the package, whose import takes seconds."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


def timm_file(name: str) -> ModuleType:
    """The module in a file of timm's that imports no other of its own; skips the test where timm is not installed."""
    package = importlib.util.find_spec("timm")
    if package is None or package.origin is None:
        pytest.skip("timm is not installed")
    spec = importlib.util.spec_from_file_location(f"timm_{Path(name).stem}", Path(package.origin).parent / name)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
