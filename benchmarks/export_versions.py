"""Logits of exported files under other versions of torch and in other runtimes, against the exported network's.

    python benchmarks/export_versions.py [--python INTERPRETER ...] [--kinds conv,...] [--out FILE]

For every kind of operator, a network with all its options is exported in every format by this interpreter. Each file
runs in a process of its own without sasa-nas: by this interpreter, by those of `--python`, and the ONNX model also in
OpenVINO where that is installed. Prints and writes the largest difference of a logit, or why a file does not run;
a name in `--kinds` takes those operators alone.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sasa_nas.exporting import alone
from sasa_nas.exporting.card import ModelCard
from sasa_nas.exporting.folder import export_network
from sasa_nas.exporting.format import all_formats
from sasa_nas.files import write_text
from sasa_nas.models import build
from sasa_nas.operators import OPERATORS
from sasa_nas.testing.case import as_trained, cases_of, network_of, random_maps, seeded

RESULTS = Path(__file__).parent / "results" / "export_versions.json"
BATCHES = (1, 5)
_VERSION = "import torch, sys; print(torch.__version__, sys.version.split()[0])"


@dataclass(frozen=True)
class Row:
    """Largest difference of a logit of one file; None with the reason if the file does not run."""

    operator: str
    format: str
    runtime: str
    difference: float | None
    error: str | None = None


def openvino(file: Path) -> Callable[[Any], Any]:
    """Return the ONNX model as OpenVINO computes it in float32, as a function of arrays."""
    import openvino

    model = openvino.compile_model(file, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return lambda images: model({"images": images})["logits"]


def rows_of(kind: str, interpreters: Sequence[str], place: Path) -> Iterator[Row]:
    """Export a network of an operator into a folder, and yield its rows."""
    architecture = network_of(cases_of(kind))
    image = architecture.image
    batches = [random_maps(batch, image.channels, image.height, image.width).float() for batch in BATCHES]
    with seeded():
        network = build(architecture)
    as_trained(network, batches[-1])
    with torch.no_grad():
        expected = [network(images).numpy() for images in batches]
    for i, images in enumerate(batches):
        np.save(place / f"images_{i}.npy", images.numpy())
    formats = all_formats()
    export_network(architecture, network.state_dict(), place / "net", ModelCard(kind), [one.name for one in formats])
    for one in formats:
        for interpreter in (sys.executable, *interpreters):
            yield run(kind, one.name, runtime_of(interpreter), one.load, place, one.file, expected, interpreter)
        if one.name == "onnx":
            yield run(kind, one.name, "OpenVINO", openvino, place, one.file, expected, sys.executable)


def run(
    kind: str,
    name: str,
    runtime: str,
    load: Callable[[Path], Callable[[Any], Any]],
    place: Path,
    file: str,
    expected: Sequence[np.ndarray[Any, Any]],
    interpreter: str,
) -> Row:
    """Run one file by an interpreter, without this package, and compare its logits."""
    loader = place / "loader.py"
    loader.write_text(alone.loader_source(load).replace(f"def {load.__name__}(", "def load("), encoding="utf-8")
    command = [interpreter, "-P", alone.__file__, str(loader), str(place / "net" / file), str(place)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return Row(kind, name, runtime, None, (done.stderr.strip().splitlines() or ["no message"])[-1][:200])
    found = [np.load(place / f"outputs_{i}_0.npy") for i in range(len(expected))]
    return Row(kind, name, runtime, max(float(np.abs(a - b).max()) for a, b in zip(found, expected, strict=True)))


def runtime_of(interpreter: str) -> str:
    """Return the versions of an interpreter and its torch, as one text."""
    done = subprocess.run([interpreter, "-c", _VERSION], capture_output=True, text=True, check=True)
    version, python = done.stdout.split()
    return f"torch {version}, Python {python}"


def main() -> None:
    """Print a row at a time and write all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", action="append", default=[], help="another interpreter with torch; may be repeated")
    parser.add_argument("--kinds", default=",".join(OPERATORS.kinds))
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    rows = []
    for kind in arguments.kinds.split(","):
        with tempfile.TemporaryDirectory() as name:
            for row in rows_of(kind, arguments.python, Path(name)):
                told = row.error if row.difference is None else f"{row.difference:.1e}"
                print(f"{row.operator:18} {row.format:13} {row.runtime:34} {told}", flush=True)
                rows.append(row)
    write_text(arguments.out, json.dumps({"rows": [asdict(row) for row in rows]}, indent=1) + "\n")


if __name__ == "__main__":
    main()
