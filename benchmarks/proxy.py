"""Cost of training a proxy beside what it must: steps beside the sum of their parts, the trainer beside a bare loop.

    python benchmarks/proxy.py [--device cuda] [--seconds 200] [--packed] [--trials 24] [--out FILE] [--small]

For every operator of three spaces, a design that has it in all stages that offer it is trained in rounds. In each round
come, one after the other: an epoch of the real trainer, an epoch of a hand-written loop over batches that are made
beforehand, and the parts of a step alone: making batches, forward pass and loss, backward pass, clipping, optimiser.
Medians over rounds are compared. With `--packed`, by default on a GPU, whole searches follow: trials an hour with one
trial a card (or CPU), and with `--gpus-per-trial auto` (or `--cpus-per-trial auto`).

One thread, as a trial has by default. Writes JSON with the machine and versions, by default
`benchmarks/results/proxy_<device>.json`, and prints ratios.
"""

import argparse
import json
import random
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from measure import machine
from packed import compare_packing
from proxy_parts import PARTS, Contestants

from sasa_nas.data.registry import load
from sasa_nas.data.splits import ImageSet
from sasa_nas.files import write_text
from sasa_nas.run import SearchSettings
from sasa_nas.searching.plan import SearchPlan, draw, dry_run, plan_search
from sasa_nas.space import Architecture, Infeasible, load_space
from sasa_nas.space.choosers import Label, RandomChooser

RESULTS = Path(__file__).parent / "results"
SPACES = ("tiny", "resnet_hybrid", "hybrid256")
PACKED_SPACE = "resnet_hybrid"
MOST = 1.5
"""A step may take so many times the sum of its parts."""
FEWEST_ROUNDS = 3
CALLS = 8
"""Of each part, in a round."""


@dataclass(frozen=True)
class Row:
    """One network: medians of milliseconds a step, and what they come to."""

    space: str
    operator: str
    architecture_id: str
    batch: int
    rounds: int
    trainer_ms: float
    bare_ms: float
    parts_ms: dict[str, float]
    step_over_parts: float
    trainer_images_per_second: float
    bare_images_per_second: float
    trainer_over_bare: float

    def __str__(self) -> str:
        return (
            f"{self.space:14} {self.operator:16} step {self.trainer_ms:7.2f} ms = {self.step_over_parts:.2f} of its "
            f"parts; {self.trainer_images_per_second:7.0f} images/s = {self.trainer_over_bare:.2f} of a bare loop"
        )


class Preferring(RandomChooser):
    """Takes one operator wherever it is offered, convolution at all other forks that offer it, else at random."""

    def __init__(self, operator: str, generator: random.Random) -> None:
        super().__init__(generator)
        self._operator = operator

    def option(self, name: str, labels: Sequence[Label]) -> int:
        """Return the index of what is preferred."""
        for wanted in (self._operator, "conv"):
            if wanted in labels:
                return list(labels).index(wanted)
        return super().option(name, labels)


def designs(plan: SearchPlan) -> Iterator[tuple[str, Architecture]]:
    """Yield a design for each operator that comes up in a space, by the operator's kind."""
    kinds = {stage.operator.kind: None for design in dry_run(plan, 40) for stage in design.architecture.stages}
    for kind in kinds:
        chooser = Preferring(kind, random.Random(0))
        while True:
            try:
                yield kind, draw(plan, chooser).architecture
            except Infeasible:
                continue
            break


def row_of(
    plan: SearchPlan, operator: str, network: Architecture, device: torch.device, seconds: float, *, small: bool
) -> Row:
    """Measures one network in rounds for about so long, `FEWEST_ROUNDS` at least; on two batches if `small`."""
    proxy = plan.space.proxy
    splits = load(proxy.dataset, image_size=proxy.image_size)
    if small:
        few = 2 * proxy.recipe.batch_size
        first = ImageSet(splits.train.images[:few], splits.train.labels[:few], splits.train.standardisation)
        splits = replace(splits, train=first)
    contestants = Contestants(network, splits, proxy.recipe, device, calls=CALLS)
    trainer: list[float] = []
    bare: list[float] = []
    parts: dict[str, list[float]] = {part: [] for part in PARTS}
    end = time.perf_counter() + seconds
    while len(trainer) <= FEWEST_ROUNDS or time.perf_counter() < end:
        trainer.append(contestants.trainer_epoch())
        bare.append(contestants.bare_epoch())
        for part, milliseconds in contestants.parts().items():
            parts[part].append(milliseconds)
    # the first round warms up
    trainer_ms, bare_ms = statistics.median(trainer[1:]), statistics.median(bare[1:])
    parts_ms = {part: statistics.median(times[1:]) for part, times in parts.items()}
    batch = len(contestants.made[0][1])
    return Row(
        space=plan.space.name,
        operator=operator,
        architecture_id=network.id,
        batch=batch,
        rounds=len(trainer) - 1,
        trainer_ms=trainer_ms,
        bare_ms=bare_ms,
        parts_ms=parts_ms,
        step_over_parts=trainer_ms / sum(parts_ms.values()),
        trainer_images_per_second=batch / trainer_ms * 1e3,
        bare_images_per_second=batch / bare_ms * 1e3,
        trainer_over_bare=bare_ms / trainer_ms,
    )


def main() -> None:
    """Measures what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--seconds", type=float, default=200, help="for all networks together, about")
    parser.add_argument("--packed", action="store_true", help="compare whole searches on a CPU too")
    parser.add_argument("--trials", type=int, default=24, help="of each of these searches")
    parser.add_argument("--out", type=Path, help="where the JSON goes")
    parser.add_argument("--small", action="store_true", help="one space for a moment, to see that everything runs")
    options = parser.parse_args()
    device = torch.device(options.device)
    torch.set_num_threads(1)
    plans = [plan_search(load_space(name), SearchSettings()) for name in (SPACES[:1] if options.small else SPACES)]
    networks = [(plan, *design) for plan in plans for design in designs(plan)]
    seconds = 0.0 if options.small else options.seconds / len(networks)
    rows: list[Row] = []
    for plan, operator, network in networks:
        rows.append(row_of(plan, operator, network, device, seconds, small=options.small))
        print(rows[-1], flush=True)
    worst = max(rows, key=lambda row: row.step_over_parts)
    slowest = min(rows, key=lambda row: row.trainer_over_bare)
    typical = statistics.geometric_mean(row.trainer_over_bare for row in rows)
    print(f"worst step: {worst.step_over_parts:.2f} of its parts ({worst.space}, {worst.operator}); at most {MOST}")
    print(f"trainer: {typical:.2f} of a bare loop in the mean, {slowest.trainer_over_bare:.2f} at worst; aim 1.0")
    result = {
        "machine": machine(device),
        "most_step_over_parts": MOST,
        "worst_step_over_parts": worst.step_over_parts,
        "mean_trainer_over_bare": typical,
        "worst_trainer_over_bare": slowest.trainer_over_bare,
        "rows": [asdict(row) for row in rows],
        "packed": None,
    }
    if options.packed or device.type == "cuda":
        result["packed"] = compare_packing(load_space(PACKED_SPACE), trials=options.trials, device=device)
    out = options.out or RESULTS / f"proxy_{device.type}.json"
    write_text(out, json.dumps(result, indent=1) + "\n")
    print(out)


if __name__ == "__main__":
    main()
