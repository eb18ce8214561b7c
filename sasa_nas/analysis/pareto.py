"""The Pareto front of a run in any objectives, and the hypervolume that it dominates.

Accuracies enter as they are and costs by their logarithm, because networks of a space lie decades apart: halving a cost
counts the same at any size.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Literal

import moocore
import numpy as np
from numpy.typing import NDArray

from sasa_nas.errors import UserError
from sasa_nas.objectives import DEFAULT_OBJECTIVES, OBJECTIVES
from sasa_nas.run import TrialRecord
from sasa_nas.run.designs import Designs, designs
from sasa_nas.surrogate.posterior import Expectation, expectations

Pick = Literal["best", "knee"]


def pareto_front(records: Sequence[TrialRecord], objectives: Sequence[str] = DEFAULT_OBJECTIVES) -> list[TrialRecord]:
    """Return the trained designs that no other dominates, sorted by the last objective, best first.

    A design that was trained several times is represented by its first record, with mean accuracies. One network
    dominates another if it is nowhere worse and somewhere better. Of networks equal in all objectives the first in
    `records` is kept.

    Args:
        records: All trials of a run.
        objectives: Names of objectives, one at least.

    Raises:
        UserError: If networks were trained but an objective was never measured.
    """
    return undominated(designs(records), objectives)


def undominated(networks: Iterable[TrialRecord], objectives: Sequence[str] = DEFAULT_OBJECTIVES) -> list[TrialRecord]:
    """Return the `pareto_front` of trained networks, no two of one design."""
    known = _measured(list(networks), objectives)
    if not known:
        return []
    losses = _losses(known, objectives)
    kept = np.flatnonzero(moocore.is_nondominated(losses, keep_weakly=False))
    # the last is the first key, then the others in their order
    order = np.lexsort([*losses[kept].T[-2::-1], losses[kept, -1]])
    return [known[i] for i in kept[order]]


def as_expected(networks: Iterable[TrialRecord], expected: Mapping[int, Expectation]) -> list[TrialRecord]:
    """Return networks with the accuracies by which a front compares them.

    That is what new trainings would reach on average. The best of many trainings was also lucky, and a front of what
    was seen promises more than its networks keep.

    Args:
        networks: Trained networks, no two of one design.
        expected: Their expectations, from `expectations`; a network without one keeps what was seen.
    """
    return [n.model_copy(update={"accuracy": expected[n.number].mean}) if n.number in expected else n for n in networks]


def expected_front(records: Sequence[TrialRecord], objectives: Sequence[str] = DEFAULT_OBJECTIVES) -> list[TrialRecord]:
    """Return the `pareto_front` by expected accuracies, which its records hold; as seen of too few networks.

    Args:
        records: All trials of a run.
        objectives: Names of objectives, one at least.

    Raises:
        UserError: If networks were trained but an objective was never measured.
    """
    found = Designs(records)
    return undominated(as_expected(found.means(), expectations(found, objectives)), objectives)


def reference_point(
    records: Sequence[TrialRecord], objectives: Sequence[str] = DEFAULT_OBJECTIVES
) -> dict[str, float] | None:
    """Return the point that a run's hypervolume is measured from, no better than any network.

    For accuracy, the accuracy of guessing; under attack 0, where guessing is no lower bound. For costs, the next power
    of ten strictly above the highest: a network at the reference would count nothing, and the
    power of ten hardly moves while a run goes on, or between runs of one space.

    Args:
        records: All trials of a run, not the front alone.
        objectives: Names of objectives.

    Returns:
        Values by objective; None if nothing is trained.

    Raises:
        UserError: If networks were trained but an objective was never measured.
    """
    return reference_of(designs(records), objectives)


def reference_of(
    networks: Sequence[TrialRecord], objectives: Sequence[str] = DEFAULT_OBJECTIVES
) -> dict[str, float] | None:
    """Return the `reference_point` of trained networks, no two of one design."""
    networks = _measured(list(networks), objectives)
    if not networks:
        return None
    classes = [record.architecture.num_classes for record in networks if record.architecture]
    chance = 1.0 / max(classes) if classes else 0.0
    rows = [OBJECTIVES[name] for name in objectives]
    return {
        row.name: (chance if row.chance else 0.0) if row.maximised else _power_above(_most(networks, row.name))
        for row in rows
    }


def hypervolume(
    records: Sequence[TrialRecord],
    objectives: Sequence[str] = DEFAULT_OBJECTIVES,
    reference: Mapping[str, float] | None = None,
) -> float:
    """Return the volume between the front and a reference, in accuracies times decades of costs.

    Source: Zitzler and Thiele (1999), Multiobjective evolutionary algorithms, IEEE TEC 3 (4).

    Args:
        records: All trials of a run, or those up to some time.
        objectives: Names of objectives.
        reference: `reference_point(records, objectives)` if None. Values compare only under one reference: to follow a
            run over time, pass that of the whole run.

    Raises:
        UserError: If networks were trained but an objective was never measured.
    """
    reference = reference or reference_point(records, objectives)
    return 0.0 if reference is None else dominated_volume(designs(records), reference)


def dominated_volume(networks: Iterable[TrialRecord], reference: Mapping[str, float]) -> float:
    """Return the hypervolume of trained networks.

    Args:
        networks: No two of one design; those that another dominates add nothing.
        reference: Point that the volume is measured from: values by objective.
    """
    objectives = tuple(reference)
    known = _measured(list(networks), objectives)
    if not known:
        return 0.0
    corner = [_loss(objective, value) for objective, value in reference.items()]
    return float(moocore.hypervolume(_losses(known, objectives), ref=corner))


def pick(front: Sequence[TrialRecord], how: Pick) -> TrialRecord:
    """Return one network of a front of accuracy against FLOPs.

    Args:
        front: Networks of the front, as returned by `pareto_front` or `expected_front`.
        how: `best`: the most accurate. `knee`: the one farthest above the line between the front's ends, both axes
            (logarithm of FLOPs, accuracy) scaled to run from 0 to 1 between them; the cheaper one of equals. A front
            that bends the other way has its cheapest end as knee.

    Raises:
        UserError: If the front is empty.
        ValueError: If `how` is neither.
    """
    if not front:
        raise UserError(
            "no network of this run's space is trained to the end yet; let its search go on (`sasa-nas resume`)"
        )
    if how == "best":
        return front[-1]
    if how != "knee":
        raise ValueError(f"how: expected 'best' or 'knee', got {how!r}")
    if len(front) == 1:
        return front[0]
    first, last = front[0], front[-1]

    def height_above_chord(record: TrialRecord) -> float:
        x = math.log(_flops(record) / _flops(first)) / math.log(_flops(last) / _flops(first))
        y = (_accuracy(record) - _accuracy(first)) / (_accuracy(last) - _accuracy(first))
        return y - x

    return max(front, key=height_above_chord)


def _measured(networks: list[TrialRecord], objectives: Sequence[str]) -> list[TrialRecord]:
    """Return the networks of which all objectives are known."""
    for objective in objectives:
        if networks and all(getattr(record, objective) is None for record in networks):
            raise UserError(
                f"this run knows no {objective} of its networks; "
                f"search with --objectives {','.join(objectives)} to have it measured"
            )
    return [r for r in networks if all(getattr(r, objective) is not None for objective in objectives)]


def _losses(networks: Sequence[TrialRecord], objectives: Sequence[str]) -> NDArray[np.float64]:
    """Return an array of shape `(networks, objectives)`, each the smaller the better."""
    return np.array([[_loss(o, getattr(record, o)) for o in objectives] for record in networks], dtype=np.float64)


def _loss(objective: str, value: float) -> float:
    return -value if OBJECTIVES[objective].maximised else math.log10(value)


def _most(networks: Sequence[TrialRecord], objective: str) -> float:
    return max(float(getattr(record, objective)) for record in networks)


def _power_above(value: float) -> float:
    """Return the least power of ten above `value`, which is positive."""
    return 10.0 ** (Decimal(value).adjusted() + 1)


def _accuracy(record: TrialRecord) -> float:
    return math.nan if record.accuracy is None else record.accuracy


def _flops(record: TrialRecord) -> int:
    return record.flops or 0
