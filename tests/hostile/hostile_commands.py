"""The commands that people point at folders which they were sent."""

from pathlib import Path


def reading_commands(run: Path) -> list[list[str]]:
    """Every command that reads a run's folder, and writes into it no more than a report."""
    trial = run / "trials" / "0000"
    return [
        ["pareto", str(run)],
        ["pareto", str(run), "--json", "--plot", str(run / "front.svg")],
        ["pareto", str(run), "--objectives", "accuracy,params,latency"],
        ["where", str(run)],
        ["where", str(run), "--json"],
        ["scores", str(run)],
        ["report", str(run), "--figures", str(run / "figures")],
        ["export", str(run), "--trial", "0", "--out", str(run / "export")],
        ["export", str(trial), "--size", "target", "--out", str(run / "target")],
        ["describe", str(trial)],
        ["attention-map", str(trial), "--dataset", "digits"],
        ["evaluate", str(trial)],
    ]


def writing_commands(run: Path) -> list[list[str]]:
    """Those that train: to be tried where they must refuse."""
    return [["resume", str(run)], ["retrain", str(run)], ["where", str(run), "--more", "2"]]
