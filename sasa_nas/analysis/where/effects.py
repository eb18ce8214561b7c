"""Effects of a model as they are printed, each family adjusted for multiple comparisons."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from sasa_nas.analysis.where.best import best_stages
from sasa_nas.analysis.where.interactions import PairEstimate
from sasa_nas.analysis.where.linear import Estimate, holm
from sasa_nas.analysis.where.model import Contrast, Model
from sasa_nas.analysis.where.records import Effect, Interaction, Interval, PerGflop, StageEffect
from sasa_nas.analysis.where.words import stage_of
from sasa_nas.surrogate.factors import BASELINE, Level

ALPHA = 0.05
_SMALLEST_SHARE = 0.01
"""Change of FLOPs, as a share of a network's, below which an effect per FLOP means nothing."""

LevelOf = tuple[str, Level]
"""A factor's name and a level of it."""


@dataclass(frozen=True)
class OtherEffects:
    """Effects of the same operators and stages in another reading of the trainings.

    Attributes:
        effects: Intervals by factor and level.
        stages: Intervals by the number of the stage, from 0.
    """

    effects: Mapping[LevelOf, Interval]
    stages: Mapping[int, Interval]


@dataclass(frozen=True)
class Readings:
    """Other readings of the trainings that stand beside an effect.

    Attributes:
        at_equal_flops: Effects beyond what their FLOPs would buy.
        with_score: Effects that scores of all designs sharpen.
        without_score: Effects of the trainings alone, if there are scores.
        as_chance: Effects with failures as chance.
        without_outliers: Effects without outliers.
    """

    at_equal_flops: OtherEffects
    with_score: OtherEffects
    without_score: OtherEffects
    as_chance: OtherEffects
    without_outliers: OtherEffects

    def of_level(self, key: LevelOf) -> dict[str, Interval | None]:
        """Return the fields of an `Effect`."""
        return {name: effects.effects.get(key) for name, effects in self._named()}

    def of_stage(self, stage: int) -> dict[str, Interval | None]:
        """Return the fields of a `StageEffect`."""
        return {name: effects.stages.get(stage) for name, effects in self._named()}

    def _named(self) -> list[tuple[str, OtherEffects]]:
        return [
            ("at_equal_flops", self.at_equal_flops),
            ("with_score", self.with_score),
            ("without_score", self.without_score),
            ("failures_as_chance", self.as_chance),
            ("without_outliers", self.without_outliers),
        ]


NO_OTHERS = OtherEffects({}, {})


def other_effects(model: Model) -> OtherEffects:
    """Return the effects of a model of the same trainings, read in another way."""
    if not model.fits:
        return NO_OTHERS
    operators, others = operators_first(model)
    found: dict[LevelOf, Interval] = {}
    for family in (operators, others):
        for contrast, interval in zip(family, intervals([c.effect for c in family]), strict=True):
            if interval is not None:
                found[contrast.factor.name, contrast.level] = interval
    by_stage = contrasts_by_stage(operators)
    estimates = intervals([model.mean_effect(contrasts) for contrasts in by_stage.values()])
    stages = {stage: one for stage, one in zip(by_stage, estimates, strict=True) if one is not None}
    return OtherEffects(found, stages)


def operators_first(model: Model) -> tuple[list[Contrast], list[Contrast]]:
    """Return the model's contrasts of operators, and those of other factors."""
    operators = [c for c in model.contrasts if c.factor.is_operator]
    return operators, [c for c in model.contrasts if not c.factor.is_operator]


def contrasts_by_stage(operators: Sequence[Contrast]) -> dict[int, list[Contrast]]:
    """Return the operators' effects against convolution by the number of their stage."""
    found: dict[int, list[Contrast]] = {}
    for contrast in operators:
        stage = stage_of(contrast.factor.name)
        if contrast.factor.levels[0] == BASELINE and stage is not None:
            found.setdefault(stage, []).append(contrast)
    return found


def intervals(estimates: Sequence[Estimate | None]) -> list[Interval | None]:
    """Return the intervals of a family of estimates, with p-values adjusted for multiple comparisons."""
    adjusted = iter(holm([estimate.p for estimate in estimates if estimate is not None]))
    return [None if estimate is None else _interval(estimate, next(adjusted)) for estimate in estimates]


def _interval(estimate: Estimate, adjusted: float) -> Interval:
    return Interval(
        effect=estimate.value,
        low=estimate.low,
        high=estimate.high,
        p=estimate.p,
        p_adjusted=adjusted,
        star=adjusted < ALPHA,
    )


def level_effects(
    contrasts: Sequence[Contrast], model: Model, contexts: Mapping[LevelOf, float], readings: Readings
) -> list[Effect]:
    """Return one effect for each contrast of a family.

    Args:
        contrasts: The family, of `model`.
        model: The model.
        contexts: Share of the combinations of other choices in which limits allow a level and its baseline.
        readings: Other readings of the same effects.
    """
    sample = model.sample
    found = []
    for contrast, interval in zip(contrasts, intervals([c.effect for c in contrasts]), strict=True):
        assert interval is not None
        factor, key = contrast.factor, (contrast.factor.name, contrast.level)
        having = [network.get(factor.name) == contrast.level for network in sample.networks]
        found.append(
            Effect(
                **interval.model_dump(),
                factor=factor.name,
                level=contrast.level,
                baseline=factor.levels[0],
                extra_flops=float(np.exp2(contrast.extra_doublings)) - 1.0,
                per_gflop=_per_gflop(contrast, float(sample.flops.mean())),
                n=int(sample.counts[having].sum()),
                designs=len(set(sample.design[having].tolist())),
                contexts=contexts.get(key),
                **readings.of_level(key),
            )
        )
    return found


def _per_gflop(contrast: Contrast, mean_gflops: float) -> PerGflop | None:
    change = abs(contrast.extra_gflops)
    if change < _SMALLEST_SHARE * mean_gflops:
        return None
    scaled = contrast.effect.scaled(1.0 / change)
    return PerGflop(effect=scaled.value, low=scaled.low, high=scaled.high, extra_gflops=contrast.extra_gflops)


def stage_effects(model: Model, by_stage: Mapping[int, Sequence[Contrast]], readings: Readings) -> list[StageEffect]:
    """Return the effect of attention in each stage, the most helpful first; see `level_effects`."""
    estimates = intervals([model.mean_effect(contrasts) for contrasts in by_stage.values()])
    found = [
        StageEffect(
            **interval.model_dump(),
            stage=stage,
            operators=[str(contrast.level) for contrast in contrasts],
            extra_flops=float(np.exp2(np.mean([c.extra_doublings for c in contrasts]))) - 1.0,
            **readings.of_stage(stage),
        )
        for (stage, contrasts), interval in zip(by_stage.items(), estimates, strict=True)
        if interval is not None
    ]
    return sorted(found, key=lambda stage: -stage.told.effect)


def best_of(model: Model) -> list[int]:
    """Return the stages in which attention may help most."""
    by_stage = contrasts_by_stage(operators_first(model)[0])
    noises = [contrast.noise for contrasts in by_stage.values() for contrast in contrasts]
    effects = {
        stage: (np.mean([c.weights for c in contrasts], axis=0), np.mean([c.drawn for c in contrasts], axis=0))
        for stage, contrasts in by_stage.items()
    }
    return best_stages(effects, partial(model.estimate, noises[0])) if noises else []


def pair_effects(pairs: Sequence[PairEstimate]) -> list[Interaction]:
    """Return the interactions of a family of pairs."""
    return [
        Interaction(
            **interval.model_dump(),
            factors=(pair.factors[0].name, pair.factors[1].name),
            levels=(str(pair.levels[0]), str(pair.levels[1])),
            n=pair.n,
        )
        for pair, interval in zip(pairs, intervals([pair.estimate for pair in pairs]), strict=True)
        if interval is not None
    ]
