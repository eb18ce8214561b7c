"""Feed thousands of mutated spaces and command lines to the program.

    python benchmarks/fuzz.py [--spaces 2000] [--commands 2000] [--seed 0] [--small] [--out FILE]

All cases run in one process, each in a folder of its own. Right is status 0, or 2 with one line on stderr; within a
second of processor time; no other exception; nothing written outside the case's folder, no program started but git, no
connection made (`fuzz_judge.py`). The spaces are those that ship, the example's and designs out of them, mutated
(`fuzz_spaces.py`); what is still a space is searched dry, and its designs are counted and, small ones, built. The
command lines are those of every command (`fuzz_commands.py`, which says where they are cut off before long work).
Writes `benchmarks/results/fuzz.json`; ends with status 1 if anything was not right.
"""

import argparse
import contextlib
import io
import json
import os
import random
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from fuzz_commands import BORDERS, REACHED, CommandCase, add_pipe, close_borders, command_cases, make_material
from fuzz_judge import MEMORY, SECONDS, Court, Verdict
from fuzz_spaces import SpaceCase, space_cases
from measure import machine

from sasa_nas.analysis.description import describe
from sasa_nas.cli.app import main as sasa_nas
from sasa_nas.data.registry import dataset_info
from sasa_nas.files import write_text
from sasa_nas.models import build
from sasa_nas.run import SearchSettings
from sasa_nas.searching.plan import draw, plan_designs
from sasa_nas.space import Infeasible, load_space
from sasa_nas.space.choosers import RandomChooser
from sasa_nas.space.sampling import size

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "fuzz.json"
SMALL = 60
SMALL_NETWORK = 1_000_000
"""Parameters up to which a design is built."""
WARM_UP: tuple[tuple[str, ...], ...] = (
    ("search", "--space", "tiny", "--dry-run", "1"),
    ("describe", "sasa_resnet26"),
    ("pareto", "run", "--plot", "front.png"),
    ("where", "run", "--plot", "where.svg"),
    ("report", "run"),
    ("attention-map", "training", "--image", "image.png", "--plot", "map.png"),
    ("evaluate", "training"),
    ("doctor",),
)
"""Import, compile and cache what a process does once, which is nobody's case."""


def examine(case: SpaceCase) -> int:
    """Read a file as a person would have it read.

    Args:
        case: Its file is written into the working directory first.

    Returns:
        The exit status.
    """
    Path(case.name).write_bytes(case.content)
    if case.design:
        return sasa_nas(["describe", case.name])
    status = sasa_nas(["search", "--space", case.name, "--dry-run", "2"])
    if status == 0:
        space = load_space(case.name)
        assert size(space) >= 1
        dataset_info(space.proxy.dataset, None, space.proxy.image_size)
        plan = plan_designs(space, SearchSettings())
        with contextlib.suppress(Infeasible):
            design = draw(plan, RandomChooser(random.Random(case.number)))
            described = describe(design.full_size, name="the full-size design")
            assert described.params > 0
            if design.params <= SMALL_NETWORK:
                assert sum(p.numel() for p in build(design.architecture).parameters()) == design.params
    return status


def type_in(case: CommandCase) -> int:
    """Run a command line, as typed.

    Args:
        case: The command line.

    Returns:
        The exit status.
    """
    sys.argv = ["sasa-nas", *case.arguments]
    return sasa_nas(list(case.arguments))


def told(case: SpaceCase | CommandCase) -> str:
    """Return a case in one line, for whoever looks for what went wrong."""
    if isinstance(case, CommandCase):
        return " ".join(word if len(word) < 80 else f"{word[:60]}...({len(word)})" for word in case.arguments)
    return f"{'design' if case.design else 'space'} {', '.join(case.mutations)}"


def judge_all(
    court: Court, cases: Iterable[Any], run: Callable[[Any], int], keep: Path | None = None
) -> dict[str, Any]:
    """Judge cases one after the other.

    Args:
        court: The judge.
        cases: All of one sort.
        run: Runs one of them.
        keep: Where the files of cases that were not right are copied to.

    Returns:
        Counts, and what was not right.
    """
    verdicts: list[Verdict] = []
    wrong = []
    for case in cases:
        verdict = court.judge(lambda case=case: run(case))  # type: ignore[misc]
        verdicts.append(verdict)
        if verdict.faults:
            wrong.append({"case": case.number, "is": told(case), "faults": list(verdict.faults)})
            if keep is not None and isinstance(case, SpaceCase):
                (keep / f"{case.number}-{case.name}").write_bytes(case.content)
    statuses = Counter(verdict.status for verdict in verdicts)
    seconds = [verdict.seconds for verdict in verdicts]
    return {
        "cases": len(verdicts),
        "right": statuses[0],
        "one_line": statuses[2],
        "of_these_cut_off_before_long_work": sum(REACHED in verdict.last for verdict in verdicts),
        "different_lines": len({verdict.last[:60] for verdict in verdicts if verdict.status == 2}),
        "traces": sum(verdict.trace for verdict in verdicts),
        "slower_than_a_second": sum(second > SECONDS for second in seconds),
        "cpu_seconds": {"median": statistics.median(seconds), "most": max(seconds)},
        "wrong": wrong,
    }


def main() -> int:
    """Judges, writes the file; whether all was right is the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--spaces", type=int, default=2000)
    parser.add_argument("--commands", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--small", action="store_true", help=f"{SMALL} of each")
    parser.add_argument("--keep", type=Path, help="copy the files of cases that were not right here")
    parser.add_argument("--out", type=Path, default=RESULTS, help="the file to write")
    options = parser.parse_args()
    out, keep = options.out.resolve(), options.keep.resolve() if options.keep else None
    spaces, commands = (SMALL, SMALL) if options.small else (options.spaces, options.commands)
    torch.set_num_threads(1)
    home = Path.cwd()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        court = Court(Path(scratch), border=REACHED, prepare=add_pipe)
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            make_material(court.material)
            os.chdir(court.material)
            for line in WARM_UP:
                assert sasa_nas(list(line)) == 0, line
        court.forget_material("*.png", "*.svg", keep=("image.png",))
        found = {"spaces": judge_all(court, space_cases(options.seed, spaces), examine, keep)}
        close_borders()
        found["commands"] = judge_all(court, command_cases(options.seed, commands), type_in)
        os.chdir(home)
    result = {
        "seed": options.seed,
        **found,
        "borders": BORDERS,
        "limits": {"cpu_seconds": SECONDS, "bytes_more": MEMORY},
        "machine": machine(torch.device("cpu")),
    }
    write_text(out, json.dumps(result, indent=1) + "\n")
    for name, one in found.items():
        print(
            f"{one['cases']} {name}: {one['right']} right, {one['one_line']} ended with one line, "
            f"{len(one['wrong'])} wrong, {one['traces']} of them with a trace; the slowest took "
            f"{one['cpu_seconds']['most']:.2f} s"
        )
        for wrong in one["wrong"]:
            print(f"  {wrong['case']}: {wrong['is']}: {'; '.join(wrong['faults'])[:400]}")
    print(out)
    return int(any(one["wrong"] for one in found.values()))


if __name__ == "__main__":
    sys.exit(main())
