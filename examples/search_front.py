"""Search a space and read its Pareto front.

    python examples/search_front.py [--trials 60] [--dataset synthetic:additive]

The data set here is a formula with planted effects, so that it takes seconds; `--dataset digits` trains networks.
"""

import argparse

import sasa_nas


def main() -> None:
    """Search, and print the front."""
    parser = argparse.ArgumentParser(description="Search a space and read its Pareto front.")
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--dataset", default="synthetic:additive")
    parser.add_argument("--out", help="folder of the run")
    options = parser.parse_args()
    space = sasa_nas.load_space("resnet_hybrid")
    proxy = space.proxy.model_copy(update={"dataset": options.dataset})
    settings = sasa_nas.SearchSettings(trials=options.trials)
    run = sasa_nas.search(space.model_copy(update={"proxy": proxy}), settings, out=options.out)
    front = run.pareto()
    for point in front.front:
        cost = f"{point.flops / 1e6:8.2f} MFLOPs"
        print(f"trial {point.trial:>3}  {point.accuracy:.3f}  {cost}  {' '.join(point.operators)}")
    print(f"hypervolume {front.hypervolume:.3f}, run {run.folder.path}")


if __name__ == "__main__":
    main()
