"""The trials that a sampler goes on to learn from."""

import pytest
from assertions import every

from sasa_nas.run import Outcome, SearchSettings, TrialRecord
from sasa_nas.run.stored_trial import Sampling, StoredTrial
from sasa_nas.searching.plan import plan_search
from sasa_nas.searching.propose import memory
from sasa_nas.searching.propose.memory import remembered
from sasa_nas.searching.propose.proposer import Proposer
from sasa_nas.searching.propose.study import SearchStudy
from sasa_nas.searching.simulate.simulation import by_formula, simulate
from sasa_nas.space import load_space


def stored(number: int, accuracy: float | None, flops: int) -> StoredTrial:
    outcome = Outcome.DIVERGED if accuracy is None else Outcome.TRAINED
    return StoredTrial(TrialRecord(number=number, outcome=outcome, accuracy=accuracy, flops=flops), Sampling())


def test_the_best_and_the_newest_stay_in_their_order() -> None:
    good = {3, 40, 77}
    trials = [stored(i, 0.9 if i in good else 0.5, 10 if i in good else 1000) for i in range(400)]
    trials[390:395] = [stored(i, None, 1000) for i in range(390, 395)]
    kept = [trial.record.number for trial in remembered(trials, ("accuracy", "flops"))]
    assert len(kept) == memory.KEPT
    assert kept == sorted(kept)
    assert good < set(kept)
    assert set(range(301, 400)) <= set(kept)


def test_few_trials_all_stay() -> None:
    trials = [stored(i, None if i % 2 else 0.5, 10) for i in range(20)]
    assert remembered(trials, ("accuracy", "flops")) == trials


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_a_search_goes_on_past_its_memory(notes, monkeypatch: pytest.MonkeyPatch, sampler: str) -> None:
    for name, number in (("MOST", 12), ("KEPT", 8), ("BEST", 3)):
        monkeypatch.setattr(memory, name, number)
    monkeypatch.setattr("sasa_nas.searching.propose.study.MOST", 12)
    space = load_space("resnet_hybrid")
    space = space.model_copy(update={"proxy": space.proxy.model_copy(update={"dataset": "synthetic:additive"})})
    plan = plan_search(space, SearchSettings(trials=24, sampler=sampler, balanced=0.0))
    study = SearchStudy(plan)
    simulate(Proposer(study, plan, notes), by_formula(plan), workers=3, observer=notes)
    trained = [record for record in study.records() if record.outcome is Outcome.TRAINED]
    assert len(trained) == 24
    assert len({record.architecture_id for record in trained}) == 24
    assert every(record.choices for record in trained)
