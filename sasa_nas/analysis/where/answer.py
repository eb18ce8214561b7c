"""Estimation of all effects of a run from its balanced trainings."""

import math
from collections import Counter
from collections.abc import Sequence

from sasa_nas.analysis import student
from sasa_nas.analysis.where.attention_bounds import attention_bounds
from sasa_nas.analysis.where.choices import STEM, kind_shares
from sasa_nas.analysis.where.effects import (
    ALPHA,
    NO_OTHERS,
    OtherEffects,
    Readings,
    best_of,
    contrasts_by_stage,
    level_effects,
    operators_first,
    other_effects,
    pair_effects,
    stage_effects,
)
from sasa_nas.analysis.where.exchange import Curve, curve_of, exchange_of, widths_trained
from sasa_nas.analysis.where.failures import failures, failures_as_chance, outliers, trainings_by_operator
from sasa_nas.analysis.where.interactions import more_designs, operator_interactions, stage_interactions
from sasa_nas.analysis.where.linear import Estimate
from sasa_nas.analysis.where.model import Contrast, Model
from sasa_nas.analysis.where.population import MOST_DESIGNS, Population, contexts_of, population_of
from sasa_nas.analysis.where.records import Where
from sasa_nas.analysis.where.sample import LEAST_FREE, Sample, sample_of
from sasa_nas.analysis.where.score_use import judged
from sasa_nas.analysis.where.scores import Score, Scores, costs, score_of
from sasa_nas.analysis.where.swaps import swap_effects
from sasa_nas.errors import UserError
from sasa_nas.run import RunInfo, TrialRecord
from sasa_nas.space import SearchSpace, size
from sasa_nas.space.files import validate_space
from sasa_nas.surrogate.factors import BASELINE

RESOLUTION = 0.05
"""Default of the effect on accuracy that an answer should be able to detect."""
POWER = 0.8
REPLICATES = 2
"""Trainings per balanced design."""
WIDTH_TRAININGS = 8
"""Trainings of the all-convolution network at other widths that an answer asks for: two of each."""
_SAME_FLOPS = 0.01
"""Doublings of FLOPs below which operators cost the same."""


def where(
    info: RunInfo,
    records: Sequence[TrialRecord],
    *,
    resolution: float = RESOLUTION,
    scores: Scores | None = None,
    score_name: str = "scores",
) -> Where:
    """Estimate the signed effect of every operator in every stage, and of other factors, with 95 % intervals.

    Effects are differences of accuracy from the baseline, `conv` where that is an option, averaged evenly over the
    other options of the space, within its limits. They rest on the balanced trainings alone.

    Args:
        info: Record of the run.
        records: Trials of the run.
        resolution: The effect on accuracy that should be detectable, in (0, 1).
        scores: Scores of all networks of the space, which narrow the intervals as far as accuracy follows them; FLOPs
            and parameters if None. Effects are taken with them only if that helps; see `helps`.
        score_name: Name of the scores.

    Raises:
        UserError: If `resolution` is out of range, or a design has no score.
    """
    if not 0.0 < resolution < 1.0:
        raise UserError(f"the effect to be found must lie between 0 and 1, in accuracy, not {resolution}")
    space: SearchSpace = validate_space(info.space, "run.json: space")
    population = _population(space, records)
    designs = size(space) if population is None else len(population.networks)
    sample = sample_of(records, designs)
    trainings = int(sample.counts.sum())
    model = Model(sample) if sample.networks else None
    swaps = swap_effects(records)
    if model is None or not model.fits:
        kinds = _operators(space)
        columns = len(kinds) - len({path for path, _ in kinds}) + 1
        more = max(REPLICATES, REPLICATES * (columns + LEAST_FREE) - trainings)
        note = (
            f"{trainings} balanced trainings are too few for the effects of operators; at least {more} more are needed"
        )
        return Where(
            baseline=BASELINE, effects=[], stages=[], failures=trainings_by_operator(records, []), interactions=[],
            operator_interactions=[], more_for_interactions=None, swaps=swaps, enough=False, resolution=resolution,
            detectable=None, more_trials=more, trainings=trainings, designs=sample.designs,
            training_noise=sample.training_noise, covered=sample.covered, note=note,
            bounds=attention_bounds(space, records),
        )  # fmt: skip
    score = _score(space, records, population, sample, scores, score_name)
    scored = None if score is None else Model(sample, score)
    use = None if score is None or scored is None else judged(score, model, scored)
    sharpens = scored is not None and use is not None and use.taken
    taken = scored if scored is not None and sharpens else model
    operators, others = operators_first(taken)
    by_stage = contrasts_by_stage(operators)
    detectable = max((_detectable(c.effect) for c in operators), default=None)
    more = _missing_trainings(detectable, resolution, trainings)
    far = outliers(model)
    curve = curve_of(records)
    beyond = None if curve is None else Model(sample, score if sharpens else None, curve)
    readings = Readings(
        at_equal_flops=NO_OTHERS if beyond is None else other_effects(beyond),
        with_score=NO_OTHERS if scored is None else other_effects(scored),
        without_score=NO_OTHERS if scored is None else other_effects(model),
        as_chance=_other_reading(failures_as_chance(records), designs) if failures(records) else NO_OTHERS,
        without_outliers=_other_reading([r for r in records if r.number not in far], designs) if far else NO_OTHERS,
    )
    contexts = contexts_of(population, [(c.factor.name, c.level, c.factor.levels[0]) for c in operators])
    return Where(
        baseline=BASELINE,
        effects=[
            effect for family in (operators, others) for effect in level_effects(family, taken, contexts, readings)
        ],
        stages=stage_effects(taken, by_stage, readings),
        best=best_of(beyond or taken),
        exchange=None if curve is None else exchange_of(curve, sample),
        more_widths=0 if sample.equal_flops else _missing_widths(curve, records, operators),
        bounds=attention_bounds(space, records),
        score=use,
        failures=trainings_by_operator(records, far),
        outliers=far,
        allowed=None if population is None else len(population.networks),
        not_told=_not_told(space, operators),
        interactions=pair_effects(stage_interactions(model)),
        operator_interactions=pair_effects(operator_interactions(model)),
        more_for_interactions=REPLICATES * more_designs(model, designs),
        swaps=swaps,
        enough=detectable is not None and more == 0,
        resolution=resolution,
        detectable=detectable,
        more_trials=more,
        trainings=trainings,
        designs=sample.designs,
        training_noise=sample.training_noise,
        equal_flops=sample.equal_flops,
        nothing_differs=sample.nothing_differs,
        covered=sample.covered,
        note=_note(detectable, resolution, more, sample),
    )


def _population(space: SearchSpace, records: Sequence[TrialRecord]) -> Population | None:
    """Return all designs that the run may train; None if they are too many, or a limit can only be measured."""
    network = next((r.architecture for r in records if r.architecture is not None), None)
    if network is None or size(space) > MOST_DESIGNS:
        return None
    return population_of(space, network.image, network.num_classes)


def _score(
    space: SearchSpace,
    records: Sequence[TrialRecord],
    population: Population | None,
    sample: Sample,
    scores: Scores | None,
    name: str,
) -> Score | None:
    """Return the score of all designs; None if every design is trained, none at its own width, or there is no score."""
    if sample.equal_flops and scores is not None:
        raise UserError("scores are of the space's designs, but the balanced ones of this run were widened or thinned")
    if sample.covered or sample.equal_flops:
        return None
    if population is None:
        network = next(r.architecture for r in records if r.architecture is not None)
        population = population_of(space, network.image, network.num_classes)
    if scores is not None and population is None:
        raise UserError(
            "scores cannot be used: the space has a limit on latency, or operators whose code is not at hand"
        )
    if population is None:
        return None
    return costs(population, sample) if scores is None else score_of(scores, population, sample, name)


def _other_reading(records: Sequence[TrialRecord], designs: int) -> OtherEffects:
    """Return the effects in the same trainings with some of them changed or left out."""
    return other_effects(Model(sample_of(records, designs)))


def _not_told(space: SearchSpace, operators: Sequence[Contrast]) -> list[str]:
    """Return the operators that have no estimate, though their stage has a choice."""
    told = {(c.factor.name, level) for c in operators for level in (c.level, c.factor.levels[0])}
    kinds = _operators(space)
    choices = Counter(name for name, _ in kinds)
    return [
        f"{name}={kind}" for name, kind in kinds if choices[name] > 1 and kind != BASELINE and (name, kind) not in told
    ]


def _detectable(estimate: Estimate) -> float:
    """Return the effect that a two-sided test at 5 % detects with 80 % power, given the estimate's standard error."""
    quantile = student.quantile(1 - ALPHA / 2, estimate.df) + student.quantile(POWER, estimate.df)
    return quantile * estimate.error


def _missing_trainings(detectable: float | None, resolution: float, trainings: int) -> int:
    """Return the number of balanced trainings still needed: standard errors shrink with the root of their number."""
    if detectable is None or detectable <= resolution:
        return 0
    missing = trainings * ((detectable / resolution) ** 2 - 1.0)
    return REPLICATES * math.ceil(missing / REPLICATES)


def _missing_widths(curve: Curve | None, records: Sequence[TrialRecord], operators: Sequence[Contrast]) -> int:
    """Return the number of trainings at other widths that would tell effects at equal FLOPs."""
    if curve is not None or any(c.factor.levels[0] != BASELINE for c in operators):
        return 0
    if all(abs(c.extra_doublings) < _SAME_FLOPS for c in operators):
        return 0
    return max(2, WIDTH_TRAININGS - len(widths_trained(records)))


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


def _operators(space: SearchSpace) -> list[tuple[str, str]]:
    """Return the stages' kinds of operators, each with the path of its factor."""
    return [(path, kind) for path, kinds in kind_shares(space).items() if path != STEM for kind in kinds]
