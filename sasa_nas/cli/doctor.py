"""`sasa-nas doctor`: versions, devices, which form of each operator will run and why, where runs can go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from sasa_nas.cli.diagnosis import Devices, Diagnosis

_GIB = 2**30


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print JSON alone.")] = False) -> None:
    """Show versions, devices, which form of each operator runs here and why, and whether runs can be written."""
    from sasa_nas.cli.diagnosis import diagnose
    from sasa_nas.cli.output import print_json, stdout_console

    diagnosis = diagnose()
    if as_json:
        print_json(diagnosis)
    else:
        print_diagnosis(stdout_console(), diagnosis)


def print_diagnosis(console: Console, diagnosis: Diagnosis) -> None:
    """Print a diagnosis as three tables and a line."""
    from sasa_nas.cli.output import plain_table

    versions = plain_table("package", "version")
    for package, version in diagnosis.versions.items():
        versions.add_row(package, version or "not installed")
    devices = plain_table("device", "what it is")
    for name, text in _device_rows(diagnosis.devices):
        devices.add_row(name, text)
    forms = plain_table("operator", "form that runs", "why")
    for form in diagnosis.operators:
        forms.add_row(form.operator, form.form, form.why)
    for table in (versions, devices, forms):
        console.print(table)
        console.print()
    runs = diagnosis.runs
    state = "can be written" if runs.writable else "CANNOT be written; go to another folder or give --out"
    console.print(f"Runs go to {runs.path}: it {state}; {runs.free / _GIB:.1f} GiB free", soft_wrap=True)
    images = diagnosis.decoded_images
    console.print(
        f"Decoded images: {images.files} files, {images.bytes / _GIB:.2f} GiB in {images.path}; delete them at will",
        soft_wrap=True,
    )


def _device_rows(devices: Devices) -> list[tuple[str, str]]:
    threads = "" if devices.torch_threads is None else f", {devices.torch_threads} torch threads"
    rows = [("cpu", f"{devices.cpu}, {devices.cores} cores{threads}")]
    for i, gpu in enumerate(devices.gpus):
        rows.append((f"cuda:{i}", f"{gpu.name}, {gpu.memory / _GIB:.0f} GiB, compute capability {gpu.capability}"))
    if devices.problem:
        rows.append(("torch", devices.problem))
    elif not devices.gpus:
        rows.append(("cuda", "PyTorch sees no GPU; everything runs on the CPU"))
    return rows
