"""What a worker finds out about a design, and what the proposer makes of it; no Ray."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from studies import shown

from sasa_nas.errors import UserError
from sasa_nas.run import Arm, Outcome, RunFolder
from sasa_nas.scoring.compute import compute_scores
from sasa_nas.searching.measurements import MeasurementRequest, Measurements
from sasa_nas.searching.plan import SearchPlan, draw
from sasa_nas.searching.propose import initial_designs
from sasa_nas.searching.propose import proposer as proposing
from sasa_nas.searching.propose.proposer import Proposer
from sasa_nas.searching.propose.score_filter import ScoreFilter
from sasa_nas.searching.propose.study import opened_study
from sasa_nas.searching.worker.data_cache import DataCache
from sasa_nas.searching.worker.messages import TrainingTask
from sasa_nas.searching.worker.training import Training
from sasa_nas.space.choosers import RandomChooser
from sasa_nas.training.adversarial import STANDARD_ATTACK
from sasa_nas.workflows.evaluate import make_attacks

MakePlan = Callable[..., SearchPlan]


def task(plan: SearchPlan, folder: Path, request: MeasurementRequest) -> TrainingTask:
    design = draw(plan, RandomChooser(random.Random(1)))
    return TrainingTask(
        number=0,
        folder=folder,
        architecture=design.architecture,
        full_size=design.full_size,
        proxy=plan.space.proxy,
        data_dir=folder,
        seed=5,
        threads=1,
        device="cpu",
        request=request,
    )


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_a_worker_finds_out_what_is_wished_for(make_plan: MakePlan, tmp_path: Path) -> None:
    request = MeasurementRequest(measured=("latency", "robust_accuracy"), scores=("naswot",))
    work = task(make_plan(), tmp_path / "0000", request)
    data = DataCache()
    report = Training(work, data).advance()
    assert report.outcome is Outcome.TRAINED, report.reason
    found = report.findings
    assert found.latency is not None
    assert found.latency_quartiles is not None
    assert found.latency_quartiles[0] <= found.latency <= found.latency_quartiles[1]
    assert found.robust_accuracy is not None
    assert report.accuracy is not None
    assert 0 <= found.robust_accuracy <= report.accuracy
    train = data.get(work.proxy, work.data_dir).train
    assert found.scores == compute_scores(work.architecture, ["naswot"], train, seed=5, device=torch.device("cpu"))
    assert report.phases.measure > 0.3, "a latency alone takes so long"
    assert report.phases.attack > report.phases.evaluate, "of the same images, with gradients"


def test_nothing_is_measured_that_nobody_wants(make_plan: MakePlan, tmp_path: Path) -> None:
    report = Training(task(make_plan(), tmp_path / "0000", MeasurementRequest()), DataCache()).advance()
    assert report.findings == Measurements()
    assert max(report.phases.measure, report.phases.attack) < report.phases.train


def test_what_is_too_slow_is_not_trained(make_plan: MakePlan, tmp_path: Path) -> None:
    report = Training(
        task(make_plan(), tmp_path / "0000", MeasurementRequest(measured=("latency",), max_latency=1e-9)), DataCache()
    ).advance()
    assert (report.outcome, report.epoch) == (Outcome.INFEASIBLE, 0)
    assert "exceed max_latency=1e-09" in (report.reason or "")
    assert report.findings.latency is not None


def test_wishes_follow_from_the_search(make_plan: MakePlan) -> None:
    assert MeasurementRequest.of(make_plan(), Arm.SEARCH) == MeasurementRequest()
    plan = make_plan(objectives=("accuracy", "robust_accuracy"), scores=("zico",), score_filter="synflow")
    assert MeasurementRequest.of(plan, Arm.SEARCH) == MeasurementRequest(
        measured=("robust_accuracy",), scores=("zico", "synflow")
    )
    limited = make_plan(lambda data: data.update(limits={"max_latency": 0.5}))
    assert MeasurementRequest.of(limited, Arm.SEARCH) == MeasurementRequest(measured=("latency",), max_latency=0.5)
    assert MeasurementRequest.of(limited, Arm.WIDTH) == MeasurementRequest()


def test_another_design_takes_the_place_of_a_slow_one(
    make_plan: MakePlan, folder: RunFolder, notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proposing, "TOO_SLOW_IN_A_ROW", 3)
    plan = make_plan(lambda data: data.update(limits={"max_latency": 0.5}), trials=2)
    with opened_study(folder, plan) as study:
        proposer = Proposer(study, plan, notes)
        slow_designs_are_replaced(proposer, notes)
    assert shown(folder)[notes.ended[0].number].user_attrs["record"]["latency"] == 1.0


def slow_designs_are_replaced(proposer: Proposer, notes) -> None:
    def slow() -> None:
        proposal = proposer.propose()
        assert proposal is not None
        findings = Measurements(latency=1.0, latency_quartiles=(0.9, 1.1))
        proposer.finish(findings.added_to(proposal.record(Outcome.INFEASIBLE)))

    slow()
    quick = proposer.propose()
    assert quick is not None
    proposer.found(quick.number, Measurements(latency=0.2))
    proposer.finish(quick.record(Outcome.TRAINED).model_copy(update={"accuracy": 0.5, "latency": 0.2}))
    assert not proposer.done
    for _ in range(3):
        assert proposer.hopeless is None
        slow()
    assert proposer.hopeless is not None
    assert "slower than max_latency=0.5 seconds, the fastest 1" in proposer.hopeless
    assert proposer.propose() is None
    assert proposer.done


def test_the_random_sampler_trains_the_best_of_what_it_draws(make_plan: MakePlan, folder: RunFolder, notes) -> None:
    plan = make_plan(trials=2, sampler="random", score_filter="naswot", score_keep=0.5)
    with opened_study(folder, plan) as study:
        proposer = Proposer(study, plan, notes)
        proposer._refill._filter = ScoreFilter(plan, lambda design: float(design.counts.params))
        first, second = proposer.propose(), proposer.propose()
        assert len(study.line) == initial_designs.REFILL - 2, "the line is filled when it is empty"
    assert first is not None
    assert second is not None
    # all eight networks were drawn, and the largest come first
    assert first.design.counts.params >= second.design.counts.params
    sizes = {draw(plan, RandomChooser(random.Random(i))).counts.params for i in range(60)}
    assert first.design.counts.params == max(sizes)


def test_what_has_no_workers_cannot_measure(make_plan: MakePlan) -> None:
    with pytest.raises(UserError, match="no networks to measure: leave out latency"):
        make_plan(lambda data: data["proxy"].update(dataset="synthetic:additive"), objectives=("accuracy", "latency"))


def test_attacks_agree() -> None:
    assert make_attacks([8 / 255], [10]) == (STANDARD_ATTACK,)
