"""Scores of all designs: they narrow the intervals where accuracy follows them, and keep the truth in them."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from assertions import every
from at_once import LEAST
from formula_runs import answer_of, designs_of, plan_of, records_of
from planted_studies import normal, study, trainings, with_accuracies
from scipy import stats

from sasa_nas.analysis.where import Where, words
from sasa_nas.analysis.where.effects import ALPHA
from sasa_nas.analysis.where.model import Model
from sasa_nas.analysis.where.population import Population, population_of
from sasa_nas.analysis.where.sample import sample_of
from sasa_nas.analysis.where.scores import COSTS, Score, read_scores, score_of
from sasa_nas.errors import UserError
from sasa_nas.space import Architecture
from sasa_nas.synthetic import Planted

DRAWS, EACH = 40, 50
"""Different scores and designs, and runs of each: 2,000."""


def population(name: str = "hybrid256") -> Population:
    network = designs_of(name, 1)[0].architecture
    found = population_of(plan_of(name).space, network.image, network.num_classes)
    assert found is not None
    return found


def beyond(values: np.ndarray, designs: Population, model: Model) -> np.ndarray:
    """Residuals of values of all designs after a regression on operators, scaled to a standard deviation of one."""
    ones = np.ones((len(values), 1))
    columns = np.hstack([ones, *(factor.columns(designs.networks) for factor in model.taken)])
    rest = values - columns @ np.linalg.lstsq(columns, values, rcond=None)[0]
    return rest / rest.std()


Draw = Callable[[np.random.Generator, np.ndarray], np.ndarray]


def useless(generator: np.random.Generator, inter: np.ndarray) -> np.ndarray:
    return generator.normal(size=len(inter))


def perfect(generator: np.random.Generator, inter: np.ndarray) -> np.ndarray:
    return 3.0 + 5.0 * inter


def misleading(generator: np.random.Generator, inter: np.ndarray) -> np.ndarray:
    """Networks that it calls good are the worse ones, by and large."""
    return generator.normal(size=len(inter)) - 0.7 * inter


def fair(generator: np.random.Generator, inter: np.ndarray) -> np.ndarray:
    """Correlated by 0.7 with what no sum of effects explains."""
    return inter + generator.normal(size=len(inter))


@dataclass(frozen=True)
class Solved:
    """Effects of all runs of one sample: (P, R) estimates, half-widths, and whether accuracy follows the score."""

    values: np.ndarray
    half: np.ndarray
    follows: np.ndarray


def solved(observed: np.ndarray, model: Model) -> Solved:
    """Solve `model` for each column of `observed`, as `Noise.estimate` and `score_slopes` do for one."""
    columns, found = model.columns(model.taken), model._beyond(model.taken)
    rows, noise = model._rows(columns if found is None else np.hstack([columns, found.sample]))
    free, residuals = np.diag(noise._maker), noise._maker @ observed
    slope = np.zeros(observed.shape[1]) if found is None else rows[columns.shape[1]] @ observed
    values, half = [], []
    for place, row in rows.items():
        shares = row**2 / free
        df = (shares @ free) ** 2 / (shares @ noise._maker**2 @ shares)
        variance = shares @ residuals**2
        if found is not None and place < columns.shape[1] and not model._score.complete:
            variance = variance + slope**2 * np.sum((found.weights[place, :, None] * found.everywhere) ** 2)
        values.append(row @ observed)
        half.append(stats.t.ppf(0.975, df) * np.sqrt(variance))
    operators = slice(1, columns.shape[1])
    follows = np.zeros(observed.shape[1], bool) if found is None else np.abs(values[-1]) > half[-1]
    return Solved(np.array(values[operators]), np.array(half[operators]), follows)


@dataclass(frozen=True)
class Cell:
    """Intervals of all runs.

    Attributes:
        held: Share that holds the truth.
        least: The same of the effect whose intervals hold it least.
        width: Mean half-width.
    """

    held: float
    least: float
    width: float


def cells(draw: Draw, designs: int, size: float, known: int = 256) -> dict[str, Cell]:
    """Return the intervals without a score, with it, and by the rule.

    Args:
        draw: Draws the score of all networks, from what accuracy has beyond the sum of effects.
        designs: Number of designs, two trainings each.
        size: Standard deviation of that, beside noise of one point of a training; all effects are zero.
        known: Number of networks that the score is known of, but for those trained.
    """
    everything = population()
    place = {network.id: i for i, network in enumerate(everything.architectures)}
    found: dict[str, list[Solved]] = {"without": [], "with": [], "rule": []}
    for drawn in range(DRAWS):
        generator = np.random.default_rng([11, drawn])
        sample = sample_of(trainings("hybrid256", range(3 * drawn, 3 * drawn + designs)), 10**9)
        inter = beyond(generator.normal(size=256), everything, Model(sample))
        values = draw(generator, inter)
        trained = [place[str(unit[0].architecture_id)] for unit in sample.records]
        listed = generator.choice(256, known, replace=False)
        networks = [everything.networks[i] for i in listed]
        score = Score("drawn", values[trained, None], values[listed, None], networks, known == 256)
        noise = 0.01 / np.sqrt(2) * generator.normal(size=(len(trained), EACH))
        observed = 0.7 + size * inter[trained, None] + noise
        without, with_score = solved(observed, Model(sample)), solved(observed, Model(sample, score))
        taken = with_score.follows & (with_score.half.mean(axis=0) < without.half.mean(axis=0))
        rule = [np.where(taken, getattr(with_score, one), getattr(without, one)) for one in ("values", "half")]
        for name, one in (("without", without), ("with", with_score), ("rule", Solved(*rule, taken))):
            found[name].append(one)
    told = {}
    for name, ones in found.items():
        held = np.hstack([np.abs(one.values) <= one.half for one in ones])
        told[name] = Cell(held.mean(), held.mean(axis=1).min(), np.hstack([one.half for one in ones]).mean())
    return told


def assert_held(found: dict[str, Cell]) -> None:
    assert min(cell.held for cell in found.values()) >= LEAST
    assert found["rule"].width <= found["without"].width


@pytest.mark.slow
@pytest.mark.parametrize("draw", [useless, perfect, misleading, fair])
def test_intervals_hold_with_a_score_of_any_quality(draw: Draw) -> None:
    found = cells(draw, 24, 0.01)
    assert_held(found)
    # a perfect one leaves the noise of training: less than six tenths of the width, as from three times the trainings
    assert (found["rule"].width < 0.6 * found["without"].width) == (draw is perfect)


@pytest.mark.night
@pytest.mark.slow
@pytest.mark.parametrize(("designs", "size"), [(24, 0.003), (48, 0.003), (48, 0.01)])
@pytest.mark.parametrize("draw", [useless, perfect, misleading, fair])
def test_intervals_hold_with_more_designs_and_less_to_explain(draw: Draw, designs: int, size: float) -> None:
    assert_held(cells(draw, designs, size))


@pytest.mark.slow
def test_scores_of_a_sample_of_designs_have_its_error_in_the_interval() -> None:
    of_few, of_all = cells(perfect, 24, 0.01, known=80), cells(perfect, 24, 0.01)
    assert_held(of_few)
    assert of_all["with"].width < of_few["with"].width < of_few["without"].width


def scored(answer: Where, name: str) -> list[tuple[float, float, float]]:
    return [(one.effect, one.low, one.high) for e in answer.effects if (one := getattr(e, name)) is not None]


def test_one_run_is_solved_as_thousands_are() -> None:
    designs, sample = population(), sample_of(trainings("hybrid256", 24), 10**9)
    generator = np.random.default_rng(0)
    values, observed = generator.normal(size=256), 0.7 + 0.01 * generator.normal(size=(24, 3))
    by_id = dict(zip([network.id for network in designs.architectures], values, strict=True))
    score = score_of(by_id, designs, sample, "drawn")
    for known in (score, replace(score, complete=False)):
        expected = solved(observed, Model(sample, known))
        for run in range(3):
            model = Model(replace(sample, accuracy=observed[:, run]), known)
            for place, contrast in enumerate(model.contrasts):
                assert contrast.effect.value == pytest.approx(expected.values[place, run])
                assert contrast.effect.high - contrast.effect.value == pytest.approx(expected.half[place, run])
            (slope,) = model.score_slopes
            assert (slope.p < ALPHA) == expected.follows[run]


def test_the_effect_is_that_of_the_score_everywhere_and_of_the_rest_where_trained() -> None:
    # lambda times the score's effect over all designs, plus the effect of accuracy less lambda times the score
    designs, sample = population(), sample_of(trainings("hybrid256", 24), 10**9)
    generator = np.random.default_rng(1)
    accuracy, values = 0.7 + 0.01 * generator.normal(size=24), generator.normal(size=256)
    sample = replace(sample, accuracy=accuracy)
    by_id = dict(zip([network.id for network in designs.architectures], values, strict=True))
    model = Model(sample, score_of(by_id, designs, sample, "drawn"))
    columns = model.columns(model.taken)
    everywhere = np.hstack([np.ones((256, 1)), *(factor.columns(designs.networks) for factor in model.taken)])
    trained = np.array([by_id[str(unit[0].architecture_id)] for unit in sample.records])
    slope = np.linalg.lstsq(np.column_stack([columns, trained]), accuracy, rcond=None)[0][-1]
    over_all = np.linalg.lstsq(everywhere, values, rcond=None)[0]
    rest = np.linalg.lstsq(columns, accuracy - slope * trained, rcond=None)[0]
    assert [c.effect.value for c in model.contrasts] == pytest.approx((slope * over_all + rest)[1:])


def network_score(values: dict[str, float]) -> Callable[[Architecture], float]:
    return lambda network: values[network.id]


def test_a_run_takes_a_score_that_accuracy_follows_and_tells_both() -> None:
    designs = population()
    inter = beyond(
        np.random.default_rng(2).normal(size=256), designs, Model(sample_of(trainings("hybrid256", 24), 999))
    )
    values = {network.id: float(one) for network, one in zip(designs.architectures, inter, strict=True)}
    records = trainings("hybrid256", 24)
    noise = 0.005 * np.random.default_rng(3).normal(size=len(records))
    accuracies = [
        0.7 + 0.02 * values[str(record.architecture_id)] + one for record, one in zip(records, noise, strict=True)
    ]
    for scores in (values, network_score(values)):
        answer = answer_of("hybrid256", with_accuracies(records, accuracies), scores=scores)
        use = answer.score
        assert use is not None
        assert (use.taken, use.complete, use.designs, use.asked) == (True, True, 256, True)
        assert use.width < 0.5
        assert scored(answer, "with_score") == [(e.effect, e.low, e.high) for e in answer.effects]
        assert scored(answer, "without_score") != scored(answer, "with_score")
        assert every(stage.with_score is not None and stage.without_score is not None for stage in answer.stages)
        (remark,) = words.remarks(answer)
        assert remark.startswith("Scores of all 256 designs narrow the intervals to ")
    plain = answer_of("hybrid256", with_accuracies(records, accuracies))
    assert plain.score is not None
    assert scored(plain, "without_score") == scored(answer, "without_score")


def test_a_score_that_tells_nothing_is_not_taken() -> None:
    values = {network.id: float(i % 7) for i, network in enumerate(population().architectures)}
    (plain,) = study("hybrid256", trainings("hybrid256", 24), lambda _: 0.7, normal(0.01), 1)
    records = trainings("hybrid256", 24)
    accuracies = 0.7 + normal(0.01)(np.random.default_rng([7, 0]), len(records))
    answer = answer_of("hybrid256", with_accuracies(records, accuracies.tolist()), scores=values)
    assert answer.score is not None
    assert not answer.score.taken
    assert [e.effect for e in answer.effects] == [e.effect for e in plain.effects]
    assert words.remarks(answer) == [
        "Scores tell nothing of accuracy beyond the sum of effects, which are those without them."
    ]


def test_a_score_that_is_a_sum_of_effects_has_nothing_to_tell() -> None:
    def attending(network: Architecture) -> float:
        return float(sum(stage.operator.attends for stage in network.stages))

    answer = answer_of("hybrid256", trainings("hybrid256", 24), scores=attending)
    assert answer.score is not None
    assert (answer.score.p, answer.score.width, answer.score.taken) == (None, pytest.approx(1.0), False)


@pytest.mark.night
@pytest.mark.slow
def test_costs_stand_in_for_what_a_small_sample_leaves_out() -> None:
    # accuracy grows with FLOPs, which widths and blocks decide; 24 designs tell operators' effects alone
    answer = answer_of("resnet_hybrid", records_of("resnet_hybrid", Planted(base=0.6, per_decade=0.15), 40))
    assert answer.score is not None
    assert (answer.score.name, answer.score.complete, answer.score.taken) == (COSTS, False, True)
    assert answer.score.width < 0.8
    assert words.remarks(answer)[0].startswith("FLOPs and parameters of 400 random designs narrow the intervals to ")


def test_a_whole_space_needs_no_score() -> None:
    assert answer_of("tiny", trainings("tiny", 8), scores={}).score is None
    assert answer_of("tiny", trainings("tiny", 1), scores={}).score is None


def test_scores_must_cover_every_design_with_numbers() -> None:
    records = trainings("hybrid256", 24)
    values = {network.id: 1.0 for network in population().architectures}
    first = next(iter(values))
    for changed, message in (
        ({name: 1.0 for name in values if name != first}, f"network {first} has no score; scores must cover every"),
        (values | {first: float("nan")}, f"the score of network {first} is nan, no finite number"),
    ):
        with pytest.raises(UserError, match=message):
            answer_of("hybrid256", records, scores=changed)
    with pytest.raises(UserError, match="too many designs to list: in Python, give a function"):
        answer_of("resnet_hybrid", records_of("resnet_hybrid", Planted(), 30), scores=values)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not JSON"),
        ("[1.0]", "holds no scores"),
        ("{}", "holds no scores"),
        ('{"a": "b"}', "the score of 'a' is no finite number"),
        ('{"a": NaN}', "the score of 'a' is no finite number"),
        ('{"a": true}', "the score of 'a' is no finite number"),
    ],
)
def test_a_file_of_something_else_is_one_line(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "scores.json"
    file.write_text(content)
    with pytest.raises(UserError, match=message):
        read_scores(file)
    with pytest.raises(UserError, match="cannot be read"):
        read_scores(tmp_path / "nowhere.json")
    file.write_text(json.dumps({"a": 1, "b": 2.5}))
    assert read_scores(file) == {"a": 1.0, "b": 2.5}
