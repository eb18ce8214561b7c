"""Size of the report of a run of 500 trials, and the time in which a browser opens it.

    python benchmarks/report.py [--trials 500] [--repeats 5] [--out FILE]

Makes a run with everything in it (`report_run.py`), writes its report as `sasa-nas report` does, and opens the page
from the disk in a headless Chromium of its own for each repeat, on a wide screen and on a phone's: milliseconds from
the navigation to the first paint, to `DOMContentLoaded` and to `load`, as the browser's navigation timing has them,
the requests, and whatever the console complains of. Targets: open in 2 s, 8 MB, no complaint. Writes
`benchmarks/results/report.json`.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from headless import CHROMIUM, chromium
from measure import machine
from report_run import make_run

from sasa_nas.files import write_text
from sasa_nas.report import write_report

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "report.json"
SECONDS, BYTES = 2.0, 8_000_000
"""What a page may take."""
SCREENS = {"wide": (1200, 900), "phone": (390, 844)}
TIMES = """(() => {
  const [entry] = performance.getEntriesByType("navigation");
  const [paint] = performance.getEntriesByName("first-contentful-paint");
  return {first_paint: paint ? paint.startTime : null, dom_content_loaded: entry.domContentLoadedEventEnd,
    load: entry.loadEventEnd};
})()"""
"""Milliseconds from the start of the navigation; the paint may come after the load."""


def open_once(address: str, width: int, height: int) -> dict[str, Any]:
    """One opening of the page in a new browser."""
    with chromium() as page:
        page.open(address, width=width, height=height)
        # two frames: the first paint is in the list
        page.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        return {
            "browser": page.call("Browser.getVersion")["product"],
            "times": page.run(TIMES),
            "complaints": page.complaints(),
            "requests": len(page.requests()),
            "elements": page.run("document.getElementsByTagName('*').length"),
        }


def spread(values: list[float | None]) -> dict[str, float] | None:
    """Median and extremes, in milliseconds; None where a browser did not tell."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    return {"median": statistics.median(known), "least": min(known), "most": max(known)}


def measure_page(page: Path, repeats: int) -> dict[str, Any]:
    """All openings of a page, by screen."""
    found: dict[str, Any] = {"bytes": page.stat().st_size, "screens": {}}
    for name, (width, height) in SCREENS.items():
        openings = [open_once(page.as_uri(), width, height) for _ in range(repeats)]
        first = openings[0]
        found |= {"browser": first["browser"], "elements": first["elements"]}
        found["screens"][name] = {
            "milliseconds": {time: spread([o["times"][time] for o in openings]) for time in first["times"]},
            "complaints": sorted({complaint for opening in openings for complaint in opening["complaints"]}),
            "requests": max(opening["requests"] for opening in openings),
        }
    return found


def main() -> None:
    """Make the run, measures the page, writes the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--trials", type=int, default=500)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--keep", type=Path, help="make the run here and keep it")
    parser.add_argument("--out", type=Path, default=RESULTS, help="the file to write")
    options = parser.parse_args()
    if CHROMIUM is None:
        sys.exit("there is no Chromium here: install one (chromium, chromium-browser or google-chrome)")
    with tempfile.TemporaryDirectory() as scratch:
        folder = make_run(options.keep or Path(scratch) / "run", options.trials)
        start = time.perf_counter()
        page = write_report(folder.path).page
        writing = time.perf_counter() - start
        found = measure_page(page, options.repeats)
    result = {
        "trials": options.trials,
        "repeats": options.repeats,
        "seconds_to_write": writing,
        **found,
        "targets": {"load_milliseconds": 1000 * SECONDS, "bytes": BYTES, "complaints": 0},
        "machine": machine(torch.device("cpu")),
    }
    write_text(options.out, json.dumps(result, indent=1) + "\n")
    print(f"{options.trials} trials: {found['bytes'] / 1e6:.2f} MB, {found['bytes'] / BYTES:.0%} of what it may have")
    for name, screen in found["screens"].items():
        times = {key: value["median"] for key, value in screen["milliseconds"].items() if value}
        told = ", ".join(f"{key.replace('_', ' ')} {value:.0f} ms" for key, value in times.items())
        share = times["load"] / 1000 / SECONDS
        print(f"{name}: {told}: {share:.0%} of the time it may take; {len(screen['complaints'])} complaints")
    print(options.out)


if __name__ == "__main__":
    main()
