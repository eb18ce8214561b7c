"""Growth of time, memory and files with the number of trials, classes, stages, designs or images.

    python benchmarks/load.py [--trials 5000] [--files 50000] [--section NAME ...] [--small] [--out FILE]

A real search with TPE, whose trainings a formula answers (`synthetic:additive`): processor seconds of the driver in
each quarter of the trials, how much of them the sampler takes, resident memory and open files on the way. Its run, and
one of as many trials that `report_run.py` writes by the program's own writer, with curves, scores, faults and full
trainings, are read by `pareto`, `where` and `report` in processes of their own, and the report is opened in a headless
Chromium, where there is one. Then a space of twelve stages with more than 10^30 designs, and a folder of 1,000 classes
and 50,000 images. Seconds are of the processor: the clock's would say more about what else the machine does. Writes
`benchmarks/results/load.json`.
"""

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import optuna
import torch
from headless import CHROMIUM
from measure import machine
from optuna.distributions import BaseDistribution
from optuna.samplers import TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial
from PIL import Image
from report import measure_page
from report_run import make_run

from sasa_nas.data.registry import load_for_search
from sasa_nas.files import write_text
from sasa_nas.run import SearchSettings, TrialRecord
from sasa_nas.searching import search
from sasa_nas.searching.observer import SearchObserver
from sasa_nas.searching.plan import dry_run, plan_designs
from sasa_nas.space import SearchSpace, load_space
from sasa_nas.space.files import validate_space
from sasa_nas.space.sampling import size

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "load.json"
FORMULA = "synthetic:additive"
TRAINING_SECONDS = 5.0
"""The shortest training of the README's searches, beside which the driver's seconds are small."""
COMMANDS = ("pareto", "where", "report")
SECTIONS = ("search", "space", "folder", "written")
STAGES, CLASSES = 12, 1000
READER = """
import json, sys, time
from pathlib import Path
from sasa_nas.cli.app import main

status = main()
fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
peak = 1024 * int(fields["VmHWM"].split()[0])
print(json.dumps({"cpu_seconds": time.process_time(), "peak_bytes": peak}), file=sys.stderr)
raise SystemExit(status)
"""
T = TypeVar("T")


class Gauges(SearchObserver):
    """Memory, open files and seconds of the driver after each training.

    Args:
        watch: Knows the sampler's part.
    """

    def __init__(self, watch: "Stopwatch") -> None:
        self._watch = watch
        self.cpu: list[float] = []
        self.sampler: list[float] = []
        self.resident: list[int] = []
        self.files: list[int] = []

    def trial_ended(self, record: TrialRecord) -> None:
        """Read them, where a training ended."""
        if record.outcome.spent:
            pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
            self.resident.append(pages * resource.getpagesize())
            self.files.append(len(list(Path("/proc/self/fd").iterdir())))
            self.sampler.append(self._watch.seconds)
            self.cpu.append(time.process_time())


class Stopwatch:
    """Adds up the processor seconds that a sampler's proposals take."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def attach(self, kind: type[TPESampler]) -> None:
        """Time every proposal of this type's samplers, for the rest of the process."""
        propose, watch = kind.sample_relative, self

        def timed(
            self: TPESampler, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
        ) -> dict[str, Any]:
            begin = time.process_time()
            found = propose(self, study, trial, search_space)
            watch.seconds += time.process_time() - begin
            return found

        setattr(kind, "sample_relative", timed)  # noqa: B010  mypy lets no method be assigned


def by_formula(name: str) -> SearchSpace:
    """Return a shipped space whose trainings a formula answers."""
    space = load_space(name)
    searched: SearchSpace = space.model_copy(update={"proxy": space.proxy.model_copy(update={"dataset": FORMULA})})
    return searched


def search_long(path: Path, trials: int, seed: int) -> dict[str, Any]:
    """Search with a formula for data, and tell what the driver spent and held."""
    watch = Stopwatch()
    watch.attach(TPESampler)
    gauges = Gauges(watch)
    search(
        by_formula("resnet_hybrid"), SearchSettings(sampler="tpe", trials=trials, seed=seed), out=path, observer=gauges
    )
    bounds = [i * (trials - 1) // 4 for i in range(5)]
    of_quarter = [
        {
            "trials": end - begin,
            "cpu_seconds_a_trial": (gauges.cpu[end] - gauges.cpu[begin]) / (end - begin),
            "of_these_the_sampler": (gauges.sampler[end] - gauges.sampler[begin]) / (end - begin),
        }
        for begin, end in pairwise(bounds)
    ]
    first, last = (of_quarter[i]["cpu_seconds_a_trial"] for i in (0, -1))
    return {
        "sampler": "tpe",
        "trials": trials,
        "quarters": of_quarter,
        "last_over_first": last / first,
        "last_over_first_with_a_training": (last + TRAINING_SECONDS) / (first + TRAINING_SECONDS),
        "cpu_seconds": gauges.cpu[-1] - gauges.cpu[0],
        "of_these_the_sampler": watch.seconds,
        "resident_bytes": {"after_a_fifth": gauges.resident[trials // 5], "after_all": gauges.resident[-1]},
        "open_files": {"after_a_fifth": gauges.files[trials // 5], "after_all": gauges.files[-1]},
    }


def read(run: Path) -> dict[str, Any]:
    """Measure commands that read a run, each in a process of its own, start included."""
    found = {}
    for command in COMMANDS:
        arguments = [command, str(run)]
        done = subprocess.run(
            [sys.executable, "-c", READER, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=True
        )
        # progress may come before
        found[command] = json.loads(done.stderr.splitlines()[-1])
    return found


def opened(run: Path, repeats: int) -> dict[str, Any]:
    """Measure a browser that opens a run's report; only the size where there is no browser."""
    page = run / "report.html"
    return measure_page(page, repeats) if CHROMIUM else {"bytes": page.stat().st_size}


def timed(call: Callable[[], T]) -> tuple[float, T]:
    """Processor seconds of a call, and what it returns."""
    begin = time.process_time()
    found = call()
    return time.process_time() - begin, found


def deep_space() -> SearchSpace:
    """Twelve stages with widths from a range, and resnet_hybrid's operators."""
    data = load_space("resnet_hybrid").model_dump(mode="json", warnings=False)
    stage = data["stages"][0] | {"width": {"range": [64, 512, 64]}}
    data["stages"] = [stage | {"stride": 2 if i in (3, 6, 9) else 1} for i in range(STAGES)]
    data["proxy"] |= {"dataset": FORMULA}
    return validate_space(data | {"name": "deep"}, "the deep space")


def large_space(folder: Path, trials: int, seed: int) -> dict[str, Any]:
    """Measure a space of too many designs to be listed."""
    reading, space = timed(deep_space)
    counting, designs = timed(lambda: size(space))
    planning, plan = timed(lambda: plan_designs(space, SearchSettings(seed=seed)))
    drawing, _ = timed(lambda: list(dry_run(plan, 100)))
    searching, _ = timed(lambda: search(space, SearchSettings(trials=trials, seed=seed), out=folder))
    return {
        "stages": STAGES,
        "designs": f"{designs:.3g}",
        "cpu_seconds": {
            "read": reading,
            "count": counting,
            "plan": planning,
            "draw_100": drawing,
            f"search_{trials}": searching,
        },
    }


def large_folder(folder: Path, files: int) -> dict[str, Any]:
    """Measure a folder of many images and classes before a search: listing, splitting, decoding 8x8 pixels."""
    classes = min(CLASSES, files // 10)
    draw = random.Random(0)
    # links to a few files: what is listed and opened are names
    originals = []
    for i in range(files // 10_000 + 1):
        originals.append(folder.parent / f"{i}.png")
        Image.new("RGB", (8, 8), tuple(draw.randrange(256) for _ in range(3))).save(originals[-1])
    for label in range(classes):
        (folder / f"{label:04}").mkdir(parents=True)
        for i in range(files // classes):
            number = label * (files // classes) + i
            os.link(originals[number // 10_000], folder / f"{label:04}" / f"{i}.png")
    seconds, splits = timed(lambda: load_for_search(f"imagefolder:{folder}", data_dir=None, image_size=8))
    again, _ = timed(lambda: load_for_search(f"imagefolder:{folder}", data_dir=None, image_size=8))
    return {
        "files": classes * (files // classes),
        "classes": splits.info.num_classes,
        "train_images": len(splits.train),
        "cpu_seconds": {"list_and_decode": seconds, "list_again": again},
    }


def main() -> None:
    """Load everything in turn, writes the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--trials", type=int, default=5000)
    parser.add_argument("--files", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--section",
        nargs="+",
        choices=SECTIONS,
        default=SECTIONS,
        help="measure these alone; the file keeps the others",
    )
    parser.add_argument("--small", action="store_true", help="40 trials and 200 files")
    parser.add_argument("--keep", type=Path, help="make the runs here and keep them")
    parser.add_argument("--out", type=Path, default=RESULTS, help="the file to write")
    options = parser.parse_args()
    trials, files, repeats = (40, 200, 1) if options.small else (options.trials, options.files, 3)
    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as scratch:
        place = options.keep or Path(scratch)
        os.environ["XDG_CACHE_HOME"] = f"{scratch}/cache"
        if "search" in options.section:
            found["search"] = search_long(place / "searched", trials, options.seed)
            found["read_searched"] = read(place / "searched")
            found["report_searched"] = opened(place / "searched", repeats)
        if "space" in options.section:
            found["large_space"] = large_space(place / "deep", min(trials, 100), options.seed)
        if "folder" in options.section:
            found["large_folder"] = large_folder(Path(scratch) / "images", files)
        if "written" in options.section:
            written = make_run(place / "written", trials, seed=options.seed).path
            found["read_written"] = read(written)
            found["report_written"] = opened(written, repeats)
    print(json.dumps(found, indent=1))
    earlier = json.loads(options.out.read_text(encoding="utf-8")) if options.out.is_file() else {}
    measured = {"seed": options.seed, "machine": machine(torch.device("cpu")), "load": os.getloadavg()[0]}
    write_text(options.out, json.dumps(earlier | found | measured, indent=1) + "\n")
    print(options.out)


if __name__ == "__main__":
    main()
