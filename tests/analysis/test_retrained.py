"""Error bars against a published table; verdicts on retrainings whose results are written by hand."""

import json
import math
import statistics
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from scipy.stats import kendalltau

from sasa_nas.analysis.retrained import Retrained, seed_mean, summarise_retraining
from sasa_nas.run import RunError, RunFolder, TrainingResult, TrainingSettings, TrialRecord
from sasa_nas.run.retraining_records import RetrainedDesign, RetrainingInfo
from sasa_nas.run.training_records import Score, SeedResult, Spread
from sasa_nas.space import Recipe

# Student's two-sided 95 % quantiles, as textbooks print them, by degrees of freedom
QUANTILES = {1: 12.706, 2: 4.303, 4: 2.776, 9: 2.262}


@pytest.mark.parametrize("freedom", QUANTILES)
def test_intervals_of_means(freedom: int) -> None:
    values = [0.5 + 0.01 * (-1) ** i * i for i in range(freedom + 1)]
    found = seed_mean(values)
    half = QUANTILES[freedom] * statistics.stdev(values) / math.sqrt(len(values))
    assert found.mean == pytest.approx(statistics.fmean(values))
    assert found.low == pytest.approx(found.mean - half, abs=2e-4)
    assert found.high == pytest.approx(found.mean + half, abs=2e-4)


def test_one_seed_has_no_interval_and_shares_stay_shares() -> None:
    assert (seed_mean([0.5]).low, seed_mean([0.5]).high) == (None, None)
    wide = seed_mean([0.0, 1.0])
    assert (wide.low, wide.high) == (0.0, 1.0)


Write = Callable[..., Retrained]


@pytest.fixture
def retrained(make_run: Callable[..., Path], make_record: Callable[..., TrialRecord]) -> Write:
    """What is said of networks of these proxy accuracies, FLOPs, parameters and accuracies on the test part."""

    def write(
        proxy: Sequence[float], flops: Sequence[int], params: Sequence[int], test: Sequence[float], missing: int = 0
    ) -> Retrained:
        records = [make_record(i, accuracy, 1000) for i, accuracy in enumerate(proxy)]
        folder = RunFolder(make_run(records))
        place = folder.retraining("target")
        place.path.mkdir(parents=True)
        designs = [
            RetrainedDesign(trial=i, flops=f, params=p) for i, (f, p) in enumerate(zip(flops, params, strict=True))
        ]
        info = RetrainingInfo(
            size="target",
            settings=TrainingSettings(dataset="digits", seeds=(0, 1), recipe=Recipe(epochs=7)),
            designs=tuple(sorted(designs, key=lambda design: design.flops)),
            created=datetime(2026, 1, 1, tzinfo=UTC),
            command="",
            versions={},
            git=None,
            device="cpu",
        )
        place.info.write_text(info.model_dump_json())
        for i, accuracy in enumerate(test[: len(test) - missing]):
            place.network(i).path.mkdir()
            place.network(i).result.write_text(_result(accuracy).model_dump_json())
        return summarise_retraining(folder, "target", records)

    return write


def _result(accuracy: float) -> TrainingResult:
    """Two seeds, a hundredth around `accuracy` on the test part; on the validation part a tenth less."""
    seeds = tuple(
        SeedResult(
            seed=i,
            validation=Score(accuracy=accuracy - 0.1, loss=1.0),
            test=Score(accuracy=accuracy + step, loss=1.0),
        )
        for i, step in enumerate((-0.01, 0.01))
    )
    return TrainingResult(
        name="n",
        architecture_id="0123456789ab",
        dataset="digits",
        epochs=7,
        seeds=seeds,
        validation=Spread.of([seed.validation.accuracy for seed in seeds]),
        test=Spread.of([seed.test.accuracy for seed in seeds]),
    )


TEST = [0.5, 0.6, 0.7, 0.75, 0.8, 0.85]
FLOPS = [200, 100, 300, 500, 400, 600]
PARAMS = [10, 30, 20, 40, 60, 50]


def test_a_proxy_that_loses_to_counting_is_called_that(retrained: Write) -> None:
    proxy = [0.7, 0.4, 0.6, 0.3, 0.65, 0.5]
    found = retrained(proxy, FLOPS, PARAMS, TEST)
    assert found.proxy_loses is True
    for name, values in (("proxy_accuracy", proxy), ("flops", FLOPS), ("params", PARAMS)):
        assert found.correlations[name].tau == pytest.approx(kendalltau(values, TEST).statistic)
    rival = "params" if found.correlations["params"].tau >= found.correlations["flops"].tau else "flops"
    assert found.correlations[found.rival].tau == found.correlations[rival].tau
    assert found.verdict.startswith("The proxy loses to counting ")
    assert found.gain is not None
    assert found.gain.value == pytest.approx(found.correlations["proxy_accuracy"].tau - found.correlations[rival].tau)


def test_a_proxy_that_wins(retrained: Write) -> None:
    found = retrained([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], FLOPS, PARAMS, TEST)
    assert found.proxy_loses is False
    assert found.verdict.startswith("The proxy sorts the networks better than counting ")
    assert "--sample" not in found.verdict


def test_on_a_front_the_proxy_cannot_be_told_from_flops(retrained: Write) -> None:
    found = retrained([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], [1, 2, 3, 4, 5, 6], [9, 8, 7, 6, 5, 4], TEST[::-1])
    assert found.correlations["proxy_accuracy"].tau == found.correlations["flops"].tau == -1.0
    assert "--sample 10" in found.verdict


def test_few_networks_say_nothing_and_unfinished_ones_do_not_count(retrained: Write) -> None:
    found = retrained([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], FLOPS, PARAMS, TEST, missing=2)
    assert (len(found.networks), found.wanted) == (4, 6)
    assert (found.proxy_loses, found.gain, found.correlations) == (None, None, {})
    assert "4 networks are too few" in found.verdict


def test_networks_that_tie_say_nothing(retrained: Write) -> None:
    assert "tie" in retrained([0.5] * 6, FLOPS, PARAMS, [0.5] * 6).verdict


def test_the_front_is_by_the_validation_part_and_the_bars_by_both(retrained: Write) -> None:
    found = retrained([0.5] * 6, FLOPS, PARAMS, TEST)
    assert [network.trial for network in found.networks] == [1, 0, 2, 4, 3, 5]
    assert [network.trial for network in found.networks if network.on_front] == [1, 2, 4, 5]
    first = found.networks[0]
    assert first.test.values == pytest.approx((0.59, 0.61))
    assert first.test.high == pytest.approx(0.6 + 12.706 * 0.01, abs=1e-4)
    assert (first.validation.mean, first.validation.low) == pytest.approx((0.5, 0.5))
    assert (found.seeds, found.epochs, found.size) == (2, 7, "target")


def test_networks_without_a_validation_part_cannot_be_compared(
    retrained: Write, make_record: Callable[..., TrialRecord], tmp_path: Path
) -> None:
    retrained([0.5] * 6, FLOPS, PARAMS, TEST)
    folder = RunFolder(tmp_path / "run")
    result = folder.retraining("target").network(0).result
    data = json.loads(result.read_text())
    for seed in data["seeds"]:
        seed["validation"] = None
    result.write_text(json.dumps(data | {"validation": None}))
    with pytest.raises(RunError, match="validation: is missing, and retrained networks are compared by it"):
        summarise_retraining(folder, "target", [make_record(0, 0.5, 10)])


def test_damage_is_one_line(retrained: Write, tmp_path: Path) -> None:
    retrained([0.5] * 6, FLOPS, PARAMS, TEST)
    folder = RunFolder(tmp_path / "run")
    with pytest.raises(RunError, match="is no retraining"):
        summarise_retraining(folder, "none", [])
    folder.retraining("target").network(0).result.write_text("{")
    assert summarise_retraining(folder, "target", []).networks == []


def test_a_damaged_result_is_told(retrained: Write, make_record: Callable[..., TrialRecord], tmp_path: Path) -> None:
    retrained([0.5] * 6, FLOPS, PARAMS, TEST)
    folder = RunFolder(tmp_path / "run")
    folder.retraining("target").network(0).result.write_text("{")
    with pytest.raises(RunError, match=r"result\.json is damaged or foreign"):
        summarise_retraining(folder, "target", [make_record(0, 0.5, 10)])
