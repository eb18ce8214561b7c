"""The table and the figure of what `kernels.py` measured: `docs/kernels_<device>.png`, and Markdown to paste.

    python benchmarks/kernels_figure.py [--results FILE] [--out FILE]

Measures nothing: every figure is read from the JSON. Ratios are times of forward and backward together, as multiples of
`auto`, what a network gets.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt

ROOT = Path(__file__).parent.parent


def milliseconds(row: dict[str, Any], name: str, what: str) -> float | None:
    """Return the time of a contender for `forward` or `both`; None where it was not measured."""
    timing = row["timings"].get(name, {}).get(what)
    return None if timing is None else float(timing["milliseconds"])


def contenders(rows: list[dict[str, Any]]) -> list[str]:
    """Return the names of all contenders, `auto` first."""
    names = {name for row in rows for name in row["timings"]}
    return ["auto", *sorted(names - {"auto"})]


def table(rows: list[dict[str, Any]]) -> str:
    """Return a Markdown table: milliseconds of forward and backward by `auto`, and the others as multiples of it."""
    names = contenders(rows)
    lines = [f"| map | type | {' | '.join(['auto, ms', *names[1:]])} |", "|---|---|" + "---|" * len(names)]
    for row in rows:
        ours = milliseconds(row, "auto", "both")
        times = [milliseconds(row, name, "both") for name in names[1:]]
        cells = ["-" if time is None or ours is None else f"{time / ours:.1f}x" for time in times]
        first = "-" if ours is None else f"{ours:.2f}"
        lines.append(f"| {row['shape']} | {row['dtype']} | {' | '.join([first, *cells])} |")
    return "\n".join(lines)


def draw(rows: list[dict[str, Any]], file: Path) -> None:
    """Bars of milliseconds of forward and backward, a group a map, on a logarithmic axis."""
    names = contenders(rows)
    figure, axes = plt.subplots(figsize=(1.5 + 1.1 * len(rows), 4.2), layout="constrained")
    width = 0.8 / len(names)
    for i, name in enumerate(names):
        times = [milliseconds(row, name, "both") for row in rows]
        places = [place + (i - (len(names) - 1) / 2) * width for place in range(len(rows))]
        known = [(place, time) for place, time in zip(places, times, strict=True) if time is not None]
        if known:
            axes.bar([place for place, _ in known], [time for _, time in known], width, label=name)
    axes.set_yscale("log")
    axes.set_ylabel("forward and backward, ms")
    axes.set_xticks(
        range(len(rows)), [f"{row['shape']}\n{row['dtype']}".replace(" C", "\nC") for row in rows], fontsize=7
    )
    figure.legend(loc="outside upper center", frameon=False, ncols=len(names))
    axes.spines[["top", "right"]].set_visible(False)
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}")
    figure.savefig(temporary, dpi=150, format="png")
    plt.close(figure)
    temporary.replace(file)


def main() -> int:
    """Read the results, writes the figure and prints the table; 2 where there are none."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks" / "results" / "kernels_cpu.json")
    parser.add_argument("--out", type=Path, help="by default docs/, named as the results are")
    options = parser.parse_args()
    if not options.results.is_file():
        print(f"{options.results} is not there: run benchmarks/kernels.py first", file=sys.stderr)
        return 2
    rows = json.loads(options.results.read_text(encoding="utf-8"))["rows"]
    out = options.out or ROOT / "docs" / f"{options.results.stem}.png"
    draw(rows, out)
    print(table(rows))
    print(f"\n{out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
