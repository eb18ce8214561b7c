"""Estimation of all effects of a run from its balanced trainings."""

import math
import random
from collections.abc import Mapping, Sequence

import numpy as np
from scipy import stats

from sasa_nas.analysis.where.best import best_stages
from sasa_nas.analysis.where.factors import BASELINE
from sasa_nas.analysis.where.interactions import PairEstimate, more_designs, operator_interactions, stage_interactions
from sasa_nas.analysis.where.linear import Estimate, holm
from sasa_nas.analysis.where.model import Contrast, Model
from sasa_nas.analysis.where.records import Effect, Interaction, Interval, PerGflop, StageEffect, Where
from sasa_nas.analysis.where.sample import LEAST_FREE, Sample, sample_of
from sasa_nas.analysis.where.swaps import swap_effects
from sasa_nas.analysis.where.words import stage_of
from sasa_nas.errors import UserError
from sasa_nas.run import RunInfo, TrialRecord
from sasa_nas.space import SearchSpace, size
from sasa_nas.space.choosers import RandomChooser
from sasa_nas.space.files import validate_space
from sasa_nas.space.sampling import Walker

RESOLUTION = 0.05
"""Default of the effect on accuracy that an answer should be able to detect."""
ALPHA = 0.05
POWER = 0.8
REPLICATES = 2
"""Trainings per balanced design."""
_SMALLEST_SHARE = 0.01
"""Change of FLOPs, as a share of a network's, below which an effect per FLOP means nothing."""
_WALKS = 200


def where(info: RunInfo, records: Sequence[TrialRecord], *, resolution: float = RESOLUTION) -> Where:
    """Estimate the signed effect of every operator in every stage, and of other factors, with 95 % intervals.

    Effects are differences of accuracy from the baseline, `conv` where that is an option, averaged evenly over the
    other options of the space. They rest on the balanced trainings alone.

    Args:
        info: Record of the run.
        records: Trials of the run.
        resolution: The effect on accuracy that should be detectable, in (0, 1).

    Raises:
        UserError: If `resolution` is out of range.
    """
    if not 0.0 < resolution < 1.0:
        raise UserError(f"the effect to be found must lie between 0 and 1, in accuracy, not {resolution}")
    space: SearchSpace = validate_space(info.space, "run.json: space")
    sample = sample_of(records, size(space))
    trainings = int(sample.counts.sum())
    model = Model(sample) if sample.networks else None
    swaps = swap_effects(records)
    if model is None or not model.fits:
        more = max(REPLICATES, REPLICATES * (_operator_columns(space) + 1 + LEAST_FREE) - trainings)
        note = f"{trainings} balanced trainings are too few to tell effects from noise; at least {more} more are needed"
        return Where(
            baseline=BASELINE, effects=[], stages=[], interactions=[], operator_interactions=[],
            more_for_interactions=None, swaps=swaps, enough=False, resolution=resolution, detectable=None,
            more_trials=more, trainings=trainings, designs=sample.designs, training_noise=sample.training_noise,
            covered=sample.covered, note=note,
        )  # fmt: skip
    operators = [c for c in model.contrasts if c.factor.is_operator]
    others = [c for c in model.contrasts if not c.factor.is_operator]
    by_stage = _by_stage(operators)
    detectable = max((_detectable(c.raw) for c in operators), default=None)
    more = _missing_trainings(detectable, resolution, trainings)
    return Where(
        baseline=BASELINE,
        effects=[*_effects(operators, sample), *_effects(others, sample)],
        stages=_stages(model, by_stage),
        best=_best(by_stage),
        interactions=_interactions(stage_interactions(model)),
        operator_interactions=_interactions(operator_interactions(model)),
        more_for_interactions=REPLICATES * more_designs(model, size(space)),
        swaps=swaps,
        enough=detectable is not None and more == 0,
        resolution=resolution,
        detectable=detectable,
        more_trials=more,
        trainings=trainings,
        designs=sample.designs,
        training_noise=sample.training_noise,
        nothing_differs=sample.nothing_differs,
        covered=sample.covered,
        note=_note(detectable, resolution, more, sample),
    )


def _detectable(estimate: Estimate) -> float:
    """Return the effect that a two-sided test at 5 % detects with 80 % power, given the estimate's standard error."""
    quantile = float(stats.t.ppf(1 - ALPHA / 2, estimate.df) + stats.t.ppf(POWER, estimate.df))
    return quantile * estimate.error


def _missing_trainings(detectable: float | None, resolution: float, trainings: int) -> int:
    """Return the number of balanced trainings still needed: standard errors shrink with the root of their number."""
    if detectable is None or detectable <= resolution:
        return 0
    missing = trainings * ((detectable / resolution) ** 2 - 1.0)
    return REPLICATES * math.ceil(missing / REPLICATES)


def _note(detectable: float | None, resolution: float, more: int, sample: Sample) -> str:
    if detectable is None:
        return "no stage of this space has a choice of operators"
    trainings = int(sample.counts.sum())
    if sample.nothing_differs:
        accuracy = f"{100 * float(sample.accuracy[0]):.1f} %"
        return f"all {trainings} balanced trainings ended at {accuracy}; a harder task or fewer epochs could tell more"
    found = f"{trainings} balanced trainings find effects of {100 * detectable:.1f} points or more with 80 % power"
    if not more:
        return found
    return f"{found}; for {100 * resolution:.1f} points about {more} more are needed"


def _operator_columns(space: SearchSpace) -> int:
    """Return the number of operators' effects to estimate, found by random walks through the space."""
    chooser, walker = RandomChooser(random.Random(0)), Walker(space)
    kinds: set[tuple[int, str]] = set()
    most = 0
    for _ in range(_WALKS):
        stages = walker.walk(chooser)["stages"]
        most = max(most, len(stages))
        kinds |= {(i, str(stage["operator"]["kind"])) for i, stage in enumerate(stages)}
    return len(kinds) - most


def _interval(estimate: Estimate, adjusted: float) -> Interval:
    return Interval(
        effect=estimate.value,
        low=estimate.low,
        high=estimate.high,
        p=estimate.p,
        p_adjusted=adjusted,
        star=adjusted < ALPHA,
    )


def _intervals(estimates: Sequence[Estimate | None]) -> list[Interval | None]:
    """Return the intervals of a family of estimates, with p-values adjusted for multiple comparisons."""
    adjusted = iter(holm([estimate.p for estimate in estimates if estimate is not None]))
    return [None if estimate is None else _interval(estimate, next(adjusted)) for estimate in estimates]


def _effects(contrasts: Sequence[Contrast], sample: Sample) -> list[Effect]:
    raw = _intervals([c.raw for c in contrasts])
    matched = _intervals([c.matched for c in contrasts])
    found = []
    for contrast, interval, at_matched in zip(contrasts, raw, matched, strict=True):
        assert interval is not None
        factor = contrast.factor
        having = [network.get(factor.name) == contrast.level for network in sample.networks]
        found.append(
            Effect(
                **interval.model_dump(),
                factor=factor.name,
                level=contrast.level,
                baseline=factor.levels[0],
                at_matched_flops=at_matched,
                per_gflop=_per_gflop(contrast, float(sample.flops.mean())),
                n=int(sample.counts[having].sum()),
                designs=len(set(sample.design[having].tolist())),
            )
        )
    return found


def _per_gflop(contrast: Contrast, mean_gflops: float) -> PerGflop | None:
    change = abs(contrast.extra_gflops)
    if change < _SMALLEST_SHARE * mean_gflops:
        return None
    scaled = contrast.raw.scaled(1.0 / change)
    return PerGflop(effect=scaled.value, low=scaled.low, high=scaled.high, extra_gflops=contrast.extra_gflops)


def _by_stage(operators: Sequence[Contrast]) -> dict[int, list[Contrast]]:
    """Return the operators' effects against convolution by the number of their stage."""
    found: dict[int, list[Contrast]] = {}
    for contrast in operators:
        stage = stage_of(contrast.factor.name)
        if contrast.factor.levels[0] == BASELINE and stage is not None:
            found.setdefault(stage, []).append(contrast)
    return found


def _best(by_stage: Mapping[int, Sequence[Contrast]]) -> list[int]:
    noises = [contrast.noise for contrasts in by_stage.values() for contrast in contrasts]
    weights = {stage: np.mean([c.weights for c in contrasts], axis=0) for stage, contrasts in by_stage.items()}
    return best_stages(weights, noises[0]) if noises else []


def _stages(model: Model, by_stage: Mapping[int, Sequence[Contrast]]) -> list[StageEffect]:
    pairs = [model.mean_effect(contrasts) for contrasts in by_stage.values()]
    raw, matched = _intervals([pair[0] for pair in pairs]), _intervals([pair[1] for pair in pairs])
    found = [
        StageEffect(
            **interval.model_dump(),
            stage=stage,
            operators=[str(contrast.level) for contrast in contrasts],
            at_matched_flops=at_matched,
        )
        for (stage, contrasts), interval, at_matched in zip(by_stage.items(), raw, matched, strict=True)
        if interval is not None
    ]
    return sorted(found, key=lambda stage: -stage.effect)


def _interactions(pairs: Sequence[PairEstimate]) -> list[Interaction]:
    return [
        Interaction(
            **interval.model_dump(),
            factors=(pair.factors[0].name, pair.factors[1].name),
            levels=(str(pair.levels[0]), str(pair.levels[1])),
            n=pair.n,
        )
        for pair, interval in zip(pairs, _intervals([pair.estimate for pair in pairs]), strict=True)
        if interval is not None
    ]
