"""Diagnosis of an installation: versions, devices, the implementation of each operator, the folder of runs."""

import os
import platform
import shutil
from collections.abc import Callable
from contextlib import suppress
from importlib import metadata
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from sasa_nas.errors import one_line
from sasa_nas.files import decoded_images_folder
from sasa_nas.nodes import Reference, resolve
from sasa_nas.operators import OPERATORS

PACKAGES = ("sasa-nas", "torch", "torchvision", "triton", "ray", "optuna", "numpy", "pydantic")


class Gpu(BaseModel):
    """A CUDA device; its memory in bytes."""

    model_config = ConfigDict(frozen=True)

    name: str
    memory: int
    capability: str


class Devices(BaseModel):
    """Compute devices; `problem` is the reason why torch could not be queried, else None."""

    model_config = ConfigDict(frozen=True)

    cpu: str
    cores: int
    torch_threads: int | None
    gpus: list[Gpu]
    problem: str | None


class OperatorForm(BaseModel):
    """The implementation of an operator that runs here, and the reason."""

    model_config = ConfigDict(frozen=True)

    operator: str
    form: str
    why: str


class RunsFolder(BaseModel):
    """The folder of runs, with its free space in bytes."""

    model_config = ConfigDict(frozen=True)

    path: Path
    writable: bool
    free: int


class DecodedImages(BaseModel):
    """Decoded images in the cache, which may be deleted at any time, with their bytes on disk."""

    model_config = ConfigDict(frozen=True)

    path: Path
    files: int
    bytes: int


class Diagnosis(BaseModel):
    """The data printed by `sasa-nas doctor --json`; a version is None if the package is not installed."""

    model_config = ConfigDict(frozen=True)

    versions: dict[str, str | None]
    devices: Devices
    operators: list[OperatorForm]
    runs: RunsFolder
    decoded_images: DecodedImages


def diagnose(runs: Path = Path("runs")) -> Diagnosis:
    """Examine the installation; only the cache of compiled loops may change.

    Args:
        runs: The folder of runs; it need not exist.
    """
    versions = {"python": platform.python_version()} | {package: _version(package) for package in PACKAGES}
    return Diagnosis(
        versions=versions,
        devices=_devices(),
        operators=_operator_forms(),
        runs=_runs_folder(runs),
        decoded_images=_decoded_images(),
    )


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _devices() -> Devices:
    cores = os.cpu_count() or 1
    try:
        import torch

        gpus = [_gpu(torch.cuda.get_device_properties(i)) for i in range(torch.cuda.device_count())]
        threads: int | None = torch.get_num_threads()
        problem = None
    except (ImportError, OSError, RuntimeError) as error:
        gpus, threads, problem = [], None, f"torch does not work: {one_line(error)}"
    return Devices(cpu=_cpu_name(), cores=cores, torch_threads=threads, gpus=gpus, problem=problem)


def _gpu(properties: object) -> Gpu:
    major, minor = getattr(properties, "major", 0), getattr(properties, "minor", 0)
    memory = getattr(properties, "total_memory", 0)
    return Gpu(name=getattr(properties, "name", "unknown"), memory=memory, capability=f"{major}.{minor}")


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _operator_forms() -> list[OperatorForm]:
    """Return the implementation of each operator that runs here, with its condition."""
    found = []
    for entry in OPERATORS:
        form, why = ("plain", "it has a single form") if entry.forms is None else _explained(entry.forms)
        found.append(OperatorForm(operator=entry.kind, form=form, why=why))
    return found


def _explained(forms: Reference) -> tuple[str, str]:
    try:
        import torch

        explain: Callable[[torch.device], tuple[str, str]] = resolve(forms)
        return explain(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        return "none", one_line(error)


def _runs_folder(runs: Path) -> RunsFolder:
    path = runs.resolve()
    # a folder not made yet can be made where its nearest parent can be written to
    nearest = next(parent for parent in (path, *path.parents) if parent.exists())
    writable = nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)
    return RunsFolder(path=path, writable=writable, free=shutil.disk_usage(nearest).free)


def _decoded_images() -> DecodedImages:
    path = decoded_images_folder()
    sizes: list[int] = []
    # what a search that was killed left there counts too; what is deleted meanwhile does not
    for file in path.glob("*"):
        with suppress(OSError):
            sizes.append(file.stat().st_size)
    return DecodedImages(path=path, files=len(sizes), bytes=sum(sizes))
