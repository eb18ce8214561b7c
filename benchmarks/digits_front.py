"""The README's front: a search of `resnet_hybrid` on digits, as a table of all its trained networks and a figure.

    python benchmarks/digits_front.py [--run RUN] [--trials 26]

Takes the run that `make search` left, or searches anew, and writes `benchmarks/results/digits_front.json` (every
trained network, the machine, versions, seed) and `docs/front.png`, drawn by the package itself.
"""

import argparse
import json
from pathlib import Path

from sasa_nas import Run, SearchSettings, load_space, search
from sasa_nas.analysis.figures import plot_front
from sasa_nas.analysis.labels import stage_labels
from sasa_nas.files import write_text
from sasa_nas.run.designs import trained

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "digits_front.json"
FIGURE = ROOT / "docs" / "front.png"


def main() -> None:
    """Search if there is no run to read, and writes the two files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--run", type=Path, help="a finished run; a new one is made where it is left out")
    parser.add_argument("--trials", type=int, default=26)
    options = parser.parse_args()
    path = options.run or search(load_space("resnet_hybrid"), SearchSettings(trials=options.trials)).folder.path
    run = Run(path)
    records = trained(run.trials())
    front = run.pareto()
    result = {
        "space": front.space,
        "dataset": front.dataset,
        "device": run.info.device,
        "versions": run.info.versions,
        "git": run.info.git,
        "settings": run.info.settings.model_dump(mode="json"),
        "recipe": run.info.space["proxy"]["recipe"],
        "hypervolume": front.hypervolume,
        "front": [point.trial for point in front.front],
        "networks": [
            {
                "trial": record.number,
                "architecture_id": record.architecture_id,
                "accuracy": record.accuracy,
                "flops": record.flops,
                "params": record.params,
                "seconds": record.seconds,
                "stem": record.architecture.stem.kind if record.architecture else None,
                "operators": stage_labels(record.architecture) if record.architecture else None,
            }
            for record in records
        ],
    }
    write_text(RESULTS, json.dumps(result, indent=1) + "\n")
    FIGURE.parent.mkdir(exist_ok=True)
    plot_front(records, FIGURE, space=front.space, dataset=front.dataset)
    print(f"{len(records)} networks, {len(front.front)} on the front: {RESULTS.relative_to(ROOT)}, docs/{FIGURE.name}")


if __name__ == "__main__":
    main()
