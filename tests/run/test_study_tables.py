"""The reader by SQL, held against Optuna's own."""

from pathlib import Path

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

from sasa_nas.run import Outcome, RunError, RunFolder, TrialRecord, read_trials
from sasa_nas.run.attributes import attributes, record_of
from sasa_nas.run.records import STUDY_NAME
from sasa_nas.run.study_tables import read_rows

CHOICES = ("conv", 3, 0.1, True, None, "größe")


def make_study(folder: RunFolder) -> optuna.Study:
    """Trials of every state and every kind of parameter, with a second study beside them."""
    storage = optuna.storages.RDBStorage(f"sqlite:///{folder.study}")
    optuna.create_study(study_name="theirs", storage=storage).add_trial(create_trial(value=1.0))
    study = optuna.load_study(study_name=STUDY_NAME, storage=storage)
    for number, state in enumerate(state for state in TrialState for _ in CHOICES):
        params = {
            "z": CHOICES[number % len(CHOICES)],
            "a": number,
            "steps": 2 * number,
            "ratio": 0.1 * number,
            "rate": 10.0 ** (-number / 3),
        }
        distributions = {
            "z": CategoricalDistribution(CHOICES),
            "a": IntDistribution(0, 100),
            "steps": IntDistribution(0, 100, step=2),
            "ratio": FloatDistribution(0.0, 10.0, step=0.1),
            "rate": FloatDistribution(1e-12, 1.0, log=True),
        }
        complete = state == TrialState.COMPLETE
        outcome = Outcome.TRAINED if complete else Outcome.RUNNING
        record = TrialRecord(number=number, outcome=outcome, accuracy=1.0 if complete else None, rungs={1: 0.5})
        study.add_trial(
            create_trial(
                state=state,
                values=[0.5, 1.0] if complete else None,
                params=params if number % 5 else {},
                distributions=distributions if number % 5 else {},
                user_attrs=attributes(record) if number % 4 else {"note": "theirs"},
            )
        )
    return study


@pytest.fixture
def run(make_run) -> RunFolder:
    return RunFolder(make_run([]))


def test_it_reads_what_optuna_reads(run: RunFolder) -> None:
    study = make_study(run)
    expected = [record_of(trial) for trial in study.get_trials()]
    assert len(expected) == len(TrialState) * len(CHOICES)
    found = read_trials(run)
    assert found == expected
    for one, other in zip(found, expected, strict=True):
        assert [*one.choices.items()] == [*other.choices.items()]  # and in the same order
        assert [*map(type, one.choices.values())] == [*map(type, other.choices.values())]


def test_another_schema_is_left_to_optuna(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    make_study(run)
    expected = read_trials(run)
    monkeypatch.setattr("sasa_nas.run.study_tables.SCHEMA", "v0")
    assert read_rows(run.study) is None
    assert read_trials(run) == expected
    run.study.write_bytes(run.study.read_bytes().replace(b"v3.2.0.a", b"v9.9.9.z"))
    with pytest.raises(RunError, match=r"study\.db is damaged or foreign: "):
        read_trials(run)


def test_the_schema_is_the_one_that_this_optuna_writes(empty_study: Path) -> None:
    assert read_rows(empty_study) == []
