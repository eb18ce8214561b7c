"""Scores judged on runs in which it is known what foretells what."""

import random

import pytest
import scipy.stats

from sasa_nas.analysis.score_quality import judge_scores, latency_against_flops
from sasa_nas.errors import UserError
from sasa_nas.run import RunFolder, read_info


@pytest.fixture
def info(make_run):
    return read_info(RunFolder(make_run([])))


@pytest.fixture
def networks(make_record):
    """Forty networks: `zico` foretells the accuracy, `naswot` is the parameters, `synflow` is chance."""
    draw = random.Random(4)
    records = []
    for i in range(40):
        accuracy, params = draw.random(), draw.randint(1000, 9000)
        scores = {"synflow": draw.random(), "naswot": 2.0 * params, "zico": accuracy + draw.gauss(0, 0.05)}
        record = make_record(i, accuracy, draw.randint(1000, 9000), params=params)
        records.append(record.model_copy(update={"scores": scores}))
    return records


def test_what_foretells_is_told_from_what_does_not(info, networks) -> None:
    report = judge_scores(info, [*networks, networks[0].model_copy(update={"accuracy": None})])
    assert report.networks == 40
    found = {score.name: score for score in report.scores}
    assert (found["zico"].useful, found["zico"].verdict) == (True, "better than counting parameters or FLOPs")
    assert not found["synflow"].useful
    assert found["synflow"].verdict.startswith("no better than counting")
    accuracy = [record.accuracy for record in networks]
    for name, score in found.items():
        tau = scipy.stats.kendalltau([record.scores[name] for record in networks], accuracy).statistic
        assert score.correlation is not None
        assert score.correlation.tau == pytest.approx(tau, abs=1e-12)
    sizes = {size.name: size.correlation for size in report.sizes}
    assert sizes["params"] == found["naswot"].correlation


def test_a_score_that_is_a_count_is_no_better_than_the_count(info, networks) -> None:
    (score,) = [score for score in judge_scores(info, networks).scores if score.name == "naswot"]
    assert score.beyond["params"] is not None
    assert score.beyond["params"].value == 0.0
    assert "no better than counting parameters" in score.verdict


def test_a_network_without_a_score_is_left_out(info, networks) -> None:
    bare = [record.model_copy(update={"scores": {}}) for record in networks[:30]]
    report = judge_scores(info, [*bare, *networks[30:]])
    assert report.networks == 40
    assert {score.correlation.n for score in report.scores if score.correlation} == {10}
    assert {size.correlation.n for size in report.sizes if size.correlation} == {40}


def test_nothing_to_judge_is_said(info, networks, make_record) -> None:
    with pytest.raises(UserError, match="--scores"):
        judge_scores(info, [make_record(i, 0.1 * i, 1000) for i in range(8)])
    with pytest.raises(UserError, match="4 networks of this run are trained; correlations need 5"):
        judge_scores(info, networks[:4])


def test_latency_against_flops(make_record) -> None:
    records = [
        make_record(i, 0.5, flops, pattern="C" * (i + 1)).model_copy(update={"latency": latency})
        for i, (flops, latency) in enumerate([(1, 0.1), (2, 0.3), (3, 0.2), (4, 0.4), (5, 0.5), (6, None)])
    ]
    found = latency_against_flops(records)
    assert found is not None
    assert (found.n, found.tau) == (5, pytest.approx(0.8))
    assert latency_against_flops(records[3:]) is None
