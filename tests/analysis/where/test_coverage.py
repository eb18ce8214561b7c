"""Of 2,000 repetitions of a run, 95 % intervals hold what is planted in as many as they say, parameter by parameter.

Fewer repetitions cannot tell: of 100, exact intervals hold the truth in less than 93 with a chance of 13 %, so that one
of twelve parameters would fail in four of five such tests. Of 2,000, .93 lies four standard errors below .95.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from formula_runs import conditional_formula, conditional_truth, plan_of, records_of

from sasa_nas.analysis.where.linear import Estimate, holm
from sasa_nas.analysis.where.model import Model
from sasa_nas.analysis.where.sample import sample_of
from sasa_nas.space import size
from sasa_nas.synthetic import Planted, planted

REPETITIONS = 2000
LEAST = 0.93


def repeated(name: str, formula: Planted, designs: int) -> Iterator[Model]:
    """Models of samples that differ by the noise of training alone, two trainings of each design."""
    records = records_of(name, formula, designs)
    sample = sample_of(records, size(plan_of(name).space))
    architecture = {record.architecture.id: record for record in records}
    means = np.array([formula.mean(record.architecture, record.flops) for record in architecture.values()])
    spread = np.array([formula.spread(mean) for mean in means]) / np.sqrt(2)
    generator = np.random.default_rng(7)
    for _ in range(REPETITIONS):
        yield Model(replace(sample, accuracy=generator.normal(means, spread)))


def holds(estimate: Estimate, truth: float) -> bool:
    return estimate.low <= truth <= estimate.high


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_intervals_of_a_null_hold_zero_and_stars_are_as_rare_as_they_say() -> None:
    raw, matched, starred = np.zeros(12), np.zeros(12), 0
    for model in repeated("hybrid256", planted("synthetic:null"), 25):
        contrasts = model.contrasts
        assert len(contrasts) == 12
        raw += [holds(contrast.raw, 0.0) for contrast in contrasts]
        matched += [contrast.matched is not None and holds(contrast.matched, 0.0) for contrast in contrasts]
        starred += min(holm([contrast.raw.p for contrast in contrasts])) < 0.05
    assert raw.min() / REPETITIONS >= LEAST
    assert matched.min() / REPETITIONS >= LEAST
    assert starred / REPETITIONS <= 0.065  # four standard errors above .05


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_intervals_hold_beside_what_is_planted_and_within_operators() -> None:
    truth, held = conditional_truth(), np.zeros(12)
    for model in repeated("conditional", conditional_formula(), 50):
        named = {(contrast.factor.name, contrast.level): contrast.raw for contrast in model.contrasts}
        held += [holds(estimate, truth.get(name, 0.0)) for name, estimate in named.items()]
    inert = {factor for factor, _ in named.keys() - truth.keys()}
    assert inert >= {"stages[2].operator.local_attention.num_heads", "stages[1].operator"}
    assert held.min() / REPETITIONS >= LEAST
