"""Planted studies: designs trained again and again, by a formula of the network and a noise of one's own."""

from collections.abc import Callable, Sequence

import numpy as np
from formula_runs import answer_of, designs_of

from sasa_nas.analysis.where import Effect, Where
from sasa_nas.run import Arm, Outcome, TrialRecord

Kinds = tuple[str, ...]
Noise = Callable[[np.random.Generator, int], np.ndarray]
"""Draws the deviations of so many trainings from their designs' means."""

DIVERGED = float("nan")
"""Stands in a column of accuracies for a training that diverged."""


def kinds_of(record: TrialRecord) -> Kinds:
    assert record.architecture is not None
    return tuple(stage.operator.kind for stage in record.architecture.stages)


def trainings(name: str, designs: int | Sequence[int], replicates: int | Sequence[int] = 2) -> list[TrialRecord]:
    """Records of balanced designs, without accuracies yet.

    Args:
        name: The space.
        designs: So many of the balanced list, or these places of it.
        replicates: Trainings of each.
    """
    places = list(range(designs)) if isinstance(designs, int) else list(designs)
    drawn = designs_of(name, max(places) + 1)
    each = [replicates] * len(places) if isinstance(replicates, int) else list(replicates)
    chosen = [drawn[place] for place, count in zip(places, each, strict=True) for _ in range(count)]
    return [
        TrialRecord(
            number=number,
            outcome=Outcome.TRAINED,
            architecture=design.architecture,
            full_size=design.full_size,
            accuracy=0.5,
            flops=design.counts.flops(),
            params=design.counts.params,
            arm=Arm.BALANCED,
            seed=number,
        )
        for number, design in enumerate(chosen)
    ]


def with_accuracies(records: Sequence[TrialRecord], accuracies: Sequence[float]) -> list[TrialRecord]:
    """The same trainings, ended so; within 0 and 1, and without an accuracy where they diverged."""
    found = []
    for record, accuracy in zip(records, accuracies, strict=True):
        if np.isnan(accuracy):
            update = {"outcome": Outcome.DIVERGED, "accuracy": None}
        else:
            update = {"accuracy": float(min(1.0, max(0.0, accuracy)))}
        found.append(record.model_copy(update=update))
    return found


def normal(deviation: float) -> Noise:
    return lambda generator, count: deviation * generator.normal(size=count)


def study(
    name: str,
    records: Sequence[TrialRecord],
    mean: Callable[[Kinds], float],
    noise: Noise,
    repetitions: int,
    end: Callable[[np.random.Generator, np.ndarray], np.ndarray] = lambda _, accuracies: accuracies,
) -> list[Where]:
    """Answers of so many repetitions.

    Args:
        name: The space.
        records: The trainings.
        mean: The expected accuracy of a network, by its operators.
        noise: Of a training.
        repetitions: Number of answers.
        end: What becomes of the accuracies, such as rounding or a collapse.
    """
    means = np.array([mean(kinds_of(record)) for record in records])
    found = []
    for repetition in range(repetitions):
        generator = np.random.default_rng([7, repetition])
        observed = end(generator, means + noise(generator, len(means)))
        found.append(answer_of(name, with_accuracies(records, observed)))
    return found


def operators(answer: Where) -> list[Effect]:
    return [effect for effect in answer.effects if effect.factor.endswith("].operator")]


def truths(kinds: Sequence[Kinds], mean: Callable[[Kinds], float]) -> dict[tuple[str, str], float]:
    """For each stage and operator: the mean over these networks with it, less that of those with convolution there."""
    found = {}
    for stage in range(len(kinds[0])):
        groups: dict[str, list[float]] = {}
        for one in kinds:
            groups.setdefault(one[stage], []).append(mean(one))
        for kind, group in groups.items():
            found[f"stages[{stage}].operator", kind] = float(np.mean(group) - np.mean(groups["conv"]))
    return found


def coverage(answers: Sequence[Where], truth: dict[tuple[str, str], float]) -> float:
    """Share of operators' intervals, of all answers, that hold the truth."""
    held = [e.low <= truth[e.factor, str(e.level)] <= e.high for a in answers for e in operators(a)]
    return float(np.mean(held))


def starred(answers: Sequence[Where]) -> float:
    """Share of answers in which an operator's effect has a star."""
    return float(np.mean([any(e.star for e in operators(a)) for a in answers]))


def half_width(answers: Sequence[Where]) -> float:
    return float(np.mean([(e.high - e.low) / 2 for a in answers for e in operators(a)]))
