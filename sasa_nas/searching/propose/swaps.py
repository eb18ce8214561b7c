"""Swaps: networks beside twins that have convolution where they attend, in one stage, all else and the seed equal."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from sasa_nas.errors import UserError
from sasa_nas.operators import BASELINE
from sasa_nas.run import Arm
from sasa_nas.searching.plan import SearchPlan, draw
from sasa_nas.searching.propose.requests import FIRST_SEEDS, Request, enqueue
from sasa_nas.searching.propose.study import SearchStudy
from sasa_nas.space import Infeasible
from sasa_nas.space.choosers import Label, RecallChooser, RecordingChooser
from sasa_nas.space.searchable import Number, Range

_Wish: TypeAlias = tuple[Mapping[str, Label], int, int | None]
"""The choices that lead to a design, the trial that it repeats, and the stage swapped."""


@dataclass(frozen=True)
class Swaps:
    """Networks that are compared with their twins.

    Attributes:
        trials: Numbers of the networks' trials.
        seeds: Number of seeds with which each network and each twin is trained.
    """

    trials: Sequence[int]
    seeds: int = 1


class _SwapChooser:
    """Answers as was written down, but for the operator of one stage, which becomes a convolution.

    Args:
        answers: Labels and numbers to repeat, by the fork's name.
        stage: Index of the stage, from 0.
    """

    def __init__(self, answers: Mapping[str, Label], stage: int) -> None:
        self._answers = answers
        self._recall = RecallChooser(answers)
        self._fork = f"stages[{stage}].operator"

    def option(self, name: str, labels: Sequence[Label]) -> int:
        """Return the first convolution at the stage's fork; below it, the first option."""
        if name == self._fork:
            kinds = [str(label).partition("#")[0] for label in labels]
            if BASELINE not in kinds:
                raise Infeasible(f"{name} has no convolution among its options")
            return kinds.index(BASELINE)
        return self._recall.option(name, labels) if name in self._answers else 0

    def number(self, name: str, values: Range) -> Number:
        """Return the number that was written down; below the stage's convolution, the lowest."""
        return self._recall.number(name, values) if name in self._answers else values.values()[0]


def request_swaps(study: SearchStudy, plan: SearchPlan, swaps: Swaps) -> None:
    """Put the networks, and then their twins, in the study's line; those that are in the study already are not.

    Raises:
        UserError: If no network attends in a stage that may have convolution instead.
    """
    records = study.records()
    known = {(r.swap_of, r.swapped_stage, r.seed) for r in records if r.arm is Arm.SWAP}
    whole: list[_Wish] = []
    swapped: list[_Wish] = []
    for number in swaps.trials:
        answers = records[number].choices
        twins = list(_twins(plan, answers))
        if twins:
            whole.append((answers, number, None))
        swapped.extend((twin, number, stage) for stage, twin in twins)
    if not swapped:
        raise UserError(
            "no network of the front attends in a stage that may have convolution instead, within the limits"
        )
    # those of no training by whose accuracy a network was picked
    first = plan.settings.seed + FIRST_SEEDS[Arm.SWAP]
    for seed in range(first, first + swaps.seeds):
        for choices, number, stage in [*whole, *swapped]:
            if (number, stage, seed) not in known:
                enqueue(study, choices, Request(seed, Arm.SWAP, swap_of=number, swapped_stage=stage))


def _twins(plan: SearchPlan, answers: Mapping[str, Label]) -> Iterator[tuple[int, Mapping[str, Label]]]:
    """Yield the stages in which a network attends, and the choices that lead to its twin with convolution there."""
    whole = draw(plan, RecallChooser(answers)).architecture
    for stage, part in enumerate(whole.stages):
        if part.operator.kind == BASELINE:
            continue
        chooser = RecordingChooser(_SwapChooser(answers, stage))
        try:
            twin = draw(plan, chooser).architecture
        except Infeasible:
            continue
        if twin.stages[stage].operator.kind == BASELINE:
            yield stage, chooser.answers
