"""All that is worth doing on a CUDA GPU, correctness first, in nine minutes: `make gpu-check`.

    python benchmarks/gpu_check.py [--seconds 500] [--out FOLDER]

Each section runs in a process of its own and has its time: a kernel that hangs or breaks the GPU's context ends its
section alone. Writes `gpu_check.json` and `gpu_check.log` into the folder after every section; the folder is
`--out`, or what OUT names in the environment, or `benchmarks/results`. Needs torch 2.11 or later with its triton, and
numpy; the networks also pydantic and PyYAML, and full trainings also Pillow. Exit status 1 if anything failed, 2
without a GPU.

`--small` tries the script with tiny inputs; without a GPU that takes Triton's interpreter, TRITON_INTERPRET=1.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO

import torch

HERE = Path(__file__).parent

SECTIONS = {
    **{"cases": 80.0, "operators": 55.0, "san": 50.0, "edges": 45.0},
    **{"kernels": 85.0, "san_kernels": 40.0, "plans": 25.0, "steps": 40.0, "networks": 30.0},
    "full_training": 50.0,
}
"""Seconds of 500 for each section, in their order; what one leaves over goes to those that follow."""

START_SECONDS = 15.0
"""What a process takes beyond its section's time: to import torch, to end the check it is at."""


def main() -> int:
    """Run all sections, or those that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=500, help="for everything")
    parser.add_argument("--out", type=Path, default=Path(os.environ.get("OUT") or HERE / "results"))
    parser.add_argument("--small", action="store_true", help="tiny inputs, to try the script")
    parser.add_argument("--section", choices=SECTIONS, nargs="+", help="run these alone, in this process")
    options = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.type == "cpu" and not (options.small and os.environ.get("TRITON_INTERPRET") == "1"):
        print("there is no CUDA GPU that torch can use", file=sys.stderr)
        return 2
    options.out.mkdir(parents=True, exist_ok=True)
    if options.section is not None:
        from gpu_sections import Section, run_section

        files = {name: options.out / f"gpu_check_{name}.json" for name in options.section}
        seconds = options.seconds / len(files)
        right = [run_section(name, Section(device, seconds, file, options.small)) for name, file in files.items()]
        return 0 if all(right) else 1
    return run_all(options.seconds, options.out, small=options.small)


def run_all(seconds: float, out: Path, *, small: bool) -> int:
    """Run every section in a process of its own; 1 if one failed, else 0."""
    end = time.monotonic() + seconds
    results: dict[str, object] = {}
    with (out / "gpu_check.log").open("w", encoding="utf-8") as log, tempfile.TemporaryDirectory() as folder:
        for name in SECTIONS:
            later = list(SECTIONS)[list(SECTIONS).index(name) :]
            share = SECTIONS[name] / sum(SECTIONS[section] for section in later)
            results[name] = _run(name, (end - time.monotonic()) * share, Path(folder), log, small=small)
            text = json.dumps(results, indent=1)
            (out / "gpu_check.json").write_text(text + "\n", encoding="utf-8")
    failed = [name for name, result in results.items() if isinstance(result, dict) and result["status"] != 0]
    print(f"{out / 'gpu_check.json'}: " + (f"FAILED in {', '.join(failed)}" if failed else "nothing failed"))
    return 1 if failed else 0


def _run(name: str, seconds: float, folder: Path, log: IO[str], *, small: bool) -> dict[str, object]:
    """One section's status, seconds and result; its output goes to the screen and the log."""
    started = time.monotonic()
    command = [sys.executable, __file__, "--section", name, "--out", str(folder)]
    command += ["--seconds", str(max(seconds - START_SECONDS, 1.0)), *(["--small"] if small else [])]
    say(f"== {name}, {seconds:.0f} s", log)
    environment = {**os.environ, "PYTHONPATH": f"{HERE.parent}:{os.environ.get('PYTHONPATH', '')}"}
    with (folder / "output").open("w+", encoding="utf-8") as output:
        try:
            done = subprocess.run(
                command, stdout=output, stderr=subprocess.STDOUT, env=environment, timeout=max(seconds, 30), check=False
            )
            status: int | str = done.returncode
        except subprocess.TimeoutExpired:
            status = "ran out of time"
        output.seek(0)
        say(output.read().rstrip(), log)
    file = folder / f"gpu_check_{name}.json"
    result = json.loads(file.read_text(encoding="utf-8")) if file.exists() else None
    if status != 0:
        say(f"== {name} ended with {status}", log)
    return {"status": status, "seconds": round(time.monotonic() - started, 1), "result": result}


def say(text: str, log: IO[str]) -> None:
    """Print, and writes to the log at once."""
    print(text, flush=True)
    log.write(text + "\n")
    log.flush()


if __name__ == "__main__":
    sys.exit(main())
