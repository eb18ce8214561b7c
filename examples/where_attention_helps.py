"""Ask a run where attention helps.

    python examples/where_attention_helps.py [RUN]

Without a run, one is made from a formula in which attention helps most in the last stage.
"""

import argparse
import tempfile
from pathlib import Path

import sasa_nas


def make_run(folder: Path) -> sasa_nas.Run:
    """Return a run whose networks are all drawn in balance over the space's options."""
    space = sasa_nas.load_space("resnet_hybrid")
    proxy = space.proxy.model_copy(update={"dataset": "synthetic:additive"})
    settings = sasa_nas.SearchSettings(trials=200, balanced=1.0)
    return sasa_nas.search(space.model_copy(update={"proxy": proxy}), settings, out=folder)


def print_effects(run: sasa_nas.Run) -> None:
    """Print the effect of attention in each stage, largest first, in points of accuracy with 95 % intervals."""
    answer = run.where()
    for stage in answer.stages:
        star = "*" if stage.star else " "
        points = f"{100 * stage.effect:+5.1f}{star} [{100 * stage.low:+.1f}, {100 * stage.high:+.1f}]"
        print(f"attention in stage {stage.stage + 1}: {points}")
    print(answer.note)


def main() -> None:
    """Print the answer of a run."""
    parser = argparse.ArgumentParser(description="Ask a run where attention helps.")
    parser.add_argument("run", nargs="?", type=Path)
    options = parser.parse_args()
    if options.run is not None:
        print_effects(sasa_nas.Run(options.run))
        return
    with tempfile.TemporaryDirectory() as folder:
        print_effects(make_run(Path(folder) / "run"))


if __name__ == "__main__":
    main()
