"""What is written comes out of Optuna's own reader as it was; a write is whole or not there."""

import json
import math
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

from sasa_nas.run import RunFolder
from sasa_nas.run.records import STUDY_NAME
from sasa_nas.run.study_file import writing
from sasa_nas.run.trial_writer import TrialWriter

DISTRIBUTIONS = {
    "stages[0].operator": CategoricalDistribution(["conv", "pairwise", None, 3]),
    "stages[0].width": IntDistribution(8, 64, step=8),
    "ratio": FloatDistribution(0.25, 1.0, step=0.25),
}


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[RDBStorage]:
    with writing(RunFolder(tmp_path)) as opened:
        yield opened


@pytest.fixture
def study(storage: RDBStorage) -> optuna.Study:
    return optuna.create_study(study_name=STUDY_NAME, storage=storage, directions=["maximize", "minimize"])


def fields(trial: FrozenTrial) -> dict[str, object]:
    """All that a trial is but for the database's own name of it."""
    return {name: value for name, value in vars(trial).items() if name != "_trial_id"}


def numbered(trial: FrozenTrial, number: int) -> FrozenTrial:
    trial.number = number
    return trial


def made(number: int, state: TrialState, **known: object) -> FrozenTrial:
    distributions = DISTRIBUTIONS if known.get("params") else {}
    return numbered(create_trial(state=state, distributions=distributions, **known), number)


def test_a_trial_is_read_as_it_was_written(storage: RDBStorage, study: optuna.Study) -> None:
    params = {"stages[0].operator": None, "stages[0].width": 24, "ratio": 0.75}
    kept = {"record": {"flops": 12, "architecture": {"kind": "conv"}}}
    trials = [
        made(0, TrialState.WAITING, user_attrs=kept, system_attrs={"fixed_params": params}),
        made(1, TrialState.RUNNING, params=params, user_attrs=kept),
        made(2, TrialState.COMPLETE, params=params, values=[math.inf, -1.5], user_attrs=kept),
        made(3, TrialState.PRUNED, params=params),
        made(4, TrialState.FAIL),
    ]
    writer = TrialWriter(storage, study._study_id, {})
    for trial in trials:
        writer.write(trial)
    assert [fields(trial) for trial in study.get_trials()] == [fields(trial) for trial in trials]


def test_a_trial_is_followed_from_waiting_to_its_end(storage: RDBStorage, study: optuna.Study) -> None:
    """Also by a later session, which knows the database's name for it."""
    params = {"stages[0].operator": "conv", "stages[0].width": 8, "ratio": 1.0}
    waiting = made(0, TrialState.WAITING, user_attrs={"record": {"arm": "swap"}}, system_attrs={"fixed_params": params})
    running = made(0, TrialState.RUNNING, params=params, user_attrs={"record": {"arm": "swap", "flops": 3}})
    running.system_attrs = {**waiting.system_attrs, "constraints": [0.5]}
    ended = made(0, TrialState.COMPLETE, params=params, values=[0.5, 3.0], user_attrs={"record": {"flops": 4}})
    ended.system_attrs = running.system_attrs
    ended.datetime_start = running.datetime_start
    ended.datetime_complete = running.datetime_start + timedelta(seconds=5)
    TrialWriter(storage, study._study_id, {}).write(waiting)
    known = {trial.number: trial._trial_id for trial in study.get_trials()}
    writer = TrialWriter(storage, study._study_id, known)
    for trial in (running, ended):
        writer.write(trial)
        assert [fields(found) for found in study.get_trials()] == [fields(trial)]


def test_a_write_that_breaks_off_leaves_nothing(storage: RDBStorage, study: optuna.Study) -> None:
    writer = TrialWriter(storage, study._study_id, {})
    first = made(0, TrialState.RUNNING, user_attrs={"record": 1})
    writer.write(first)
    params = {"stages[0].operator": "conv", "stages[0].width": 8, "ratio": 1.0}
    for number in (0, 1):
        broken = made(number, TrialState.RUNNING, params=params, user_attrs={"record": object()})
        with pytest.raises(TypeError, match="JSON"):
            writer.write(broken)
        assert [fields(trial) for trial in study.get_trials()] == [fields(first)]
    second = made(1, TrialState.RUNNING, params=params, user_attrs={"record": json.loads("{}")})
    writer.write(second)
    assert [fields(trial) for trial in study.get_trials()] == [fields(first), fields(second)]
