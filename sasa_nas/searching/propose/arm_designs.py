"""Designs of the arms whose trainings no sampler proposes, and networks of other widths than the space's."""

from collections.abc import Callable, Mapping, Sequence

from sasa_nas.run import Arm, TrialRecord
from sasa_nas.searching.plan import Design, SearchPlan, draw
from sasa_nas.searching.propose import settling, widths
from sasa_nas.searching.propose.balanced import REPLICATES, BalancedDesigns
from sasa_nas.searching.propose.equal_flops import at_equal_flops
from sasa_nas.searching.propose.requests import Request, seed_of
from sasa_nas.searching.propose.study import OpenTrial
from sasa_nas.searching.propose.trial_chooser import TrialChooser
from sasa_nas.space.choosers import Label


class ArmDesigns:
    """The next training of each arm but the search's own, by the number of those before it.

    Args:
        plan: Plan of the search.
        records: Function that returns all trials so far.
    """

    def __init__(self, plan: SearchPlan, records: Callable[[], Sequence[TrialRecord]]) -> None:
        self._plan = plan
        self._records = records
        self._balanced = BalancedDesigns(plan)
        self._widenings = widths.widenings(plan) if plan.settings.widths else []

    def next(self, arm: Arm, place: int) -> tuple[Mapping[str, Label], Request]:
        """Return the choices that lead to a design, and the request of its training.

        Args:
            arm: The arm, whose turn it is.
            place: Number of the arm's trainings before.
        """
        settings = self._plan.settings
        seed = seed_of(settings, arm, place)
        if arm.in_balance:
            # a new design, or the last one again with another seed
            return self._balanced[place // REPLICATES], Request(seed, arm)
        if arm is Arm.WIDTH:
            wanted = self._widenings[place % len(self._widenings)]
            return wanted.choices, Request(seed, arm, width_multiplier=wanted.multiplier)
        records = self._records()
        number = settling.least_certain(records, settings.objectives)
        assert number is not None  # otherwise it would be no arm's turn
        return records[number].choices, Request(seed, arm)


def draw_for(plan: SearchPlan, trial: OpenTrial, request: Request) -> Design:
    """Return the design that a trial chooses, its network at the width that the request asks for.

    Raises:
        Infeasible: If its parts do not fit together.
        OverLimit: If the space's design is beyond one of the limits.
    """
    design = draw(plan, TrialChooser(trial.optuna))
    if request.arm is Arm.EQUAL:
        return at_equal_flops(plan, design, trial.optuna.params)
    if request.width_multiplier is not None:
        return widths.at_width(design, request.width_multiplier)
    return design
