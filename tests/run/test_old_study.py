"""Runs of earlier versions, whose trials are an Optuna study in SQLite: read as they are."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

from sasa_nas.run import Outcome, RunError, RunFolder, TrialRecord, read_trials
from sasa_nas.run.old_study import read_old_study
from sasa_nas.run.optuna_trials import attributes
from sasa_nas.run.records import STUDY_NAME
from sasa_nas.run.stored_trial import Numbers

PARAMS = {"kind": None, "width": 24, "ratio": 0.75}
DISTRIBUTIONS = {
    "kind": CategoricalDistribution(["conv", 3, None, True]),
    "width": IntDistribution(8, 64, step=8),
    "ratio": FloatDistribution(0.25, 1.0, step=0.25),
}
TRAINED = TrialRecord(number=0, outcome=Outcome.TRAINED, accuracy=0.5, flops=7, rungs={1: 0.25}, choices=PARAMS)


def with_study(folder: RunFolder) -> Iterator[optuna.Study]:
    """Put an earlier version's study in the place of a run's trials."""
    folder.log.unlink()
    storage = optuna.storages.RDBStorage(f"sqlite:///{folder.old_study}")
    optuna.create_study(study_name="theirs", storage=storage).add_trial(create_trial(value=1.0))
    yield optuna.create_study(study_name=STUDY_NAME, storage=storage, directions=["maximize", "minimize"])
    storage.engine.dispose()


@pytest.fixture
def run(make_run) -> RunFolder:
    """One trial that was trained, one under way, one that waits, and one that a kill left without a record."""
    folder = RunFolder(make_run([]))
    for study in with_study(folder):
        chosen: dict[str, Any] = {"params": PARAMS, "distributions": DISTRIBUTIONS}
        study.add_trial(create_trial(values=[0.5, 7.0], user_attrs=attributes(TRAINED), **chosen))
        running = TrialRecord(number=1, outcome=Outcome.RUNNING)
        study.add_trial(create_trial(state=TrialState.RUNNING, user_attrs=attributes(running), **chosen))
        waiting = TrialRecord(number=2, outcome=Outcome.WAITING, seed=9)
        study.enqueue_trial({"kind": "conv"}, user_attrs=attributes(waiting))
        study.add_trial(create_trial(state=TrialState.FAIL, user_attrs={"note": "theirs"}))
    return folder


def change(folder: RunFolder, statement: str, *values: Any) -> None:
    connection = sqlite3.connect(folder.old_study)
    connection.execute(statement, values)
    connection.commit()
    connection.close()


def test_an_old_run_is_read(run: RunFolder) -> None:
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in run.path.rglob("*") if path.is_file()}
    trained, running, waiting, bare = read_trials(run)
    assert trained == TRAINED
    assert (running.outcome, running.choices) == (Outcome.RUNNING, PARAMS)
    assert (waiting.outcome, waiting.choices, waiting.seed) == (Outcome.WAITING, {"kind": "conv"}, 9)
    assert bare == TrialRecord(number=3, outcome=Outcome.LOST)
    after = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in run.path.rglob("*") if path.is_file()}
    assert after == before


def test_what_its_sampler_knew_is_read_too(run: RunFolder) -> None:
    stored = read_old_study(run.old_study)[0]
    assert stored.sampling.options == {
        "kind": ("conv", 3, None, True),
        "width": Numbers(low=8, high=64, step=8),
        "ratio": Numbers(low=0.25, high=1.0, step=0.25),
    }
    assert stored.sampling.begun is not None


def test_it_is_not_opened_beside_the_trials(run: RunFolder) -> None:
    run.log.write_text("")
    run.old_study.write_bytes(b"anything")
    assert read_trials(run) == []


@pytest.mark.parametrize("name", ["with space", "a?b#c", "100%25", "mode=rwc&x"])
def test_folders_may_have_any_name(run: RunFolder, name: str) -> None:
    assert len(read_trials(RunFolder(run.path.rename(run.path.with_name(name))))) == 4


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE trial_user_attributes SET value_json = '{'", ""),
        ("UPDATE trial_user_attributes SET value_json = '[1]'", "trial 0: record is no object"),
        ("UPDATE trial_user_attributes SET value_json = '{\"outcome\": 3}'", "trial 0: outcome"),
        ("UPDATE trials SET state = 'EATEN'", ""),
        ("UPDATE trials SET number = number + 1", "trials are missing"),
        ("UPDATE alembic_version SET version_num = 'v99'", ""),
        ("UPDATE studies SET study_name = study_name || 's'", ""),
        ('UPDATE trial_params SET distribution_json = \'{"name": "os.system", "attributes": {}}\'', ""),
        ("DROP TABLE trials", "no such table"),
    ],
)
def test_a_study_of_impossible_rows(run: RunFolder, statement: str, words: str) -> None:
    change(run, statement)
    with pytest.raises(RunError, match=rf"study\.db is damaged or foreign: .*{words}") as caught:
        read_trials(run)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("keep", [0, 0.05, 0.3, 0.6])
def test_a_truncated_study(run: RunFolder, keep: float) -> None:
    whole = run.old_study.read_bytes()
    run.old_study.write_bytes(whole[: int(len(whole) * keep)])
    with pytest.raises(RunError, match=r"study\.db is damaged or foreign: "):
        read_trials(run)


def test_what_a_killed_search_left_beside_it_is_read(run: RunFolder, tmp_path: Path) -> None:
    writer = sqlite3.connect(run.old_study, isolation_level=None)
    writer.execute("PRAGMA journal_mode = WAL")
    record = json.dumps(attributes(TRAINED.model_copy(update={"accuracy": 0.75}))["record"])
    writer.execute("UPDATE trial_user_attributes SET value_json = ? WHERE trial_id = 2", (record,))
    names = ("study.db", "study.db-wal")
    copies = {name: (run.path / name).read_bytes() for name in names}
    writer.close()
    for name, content in copies.items():
        (run.path / name).write_bytes(content)
    assert read_trials(run)[0].accuracy == 0.75
    assert {name: (run.path / name).read_bytes() for name in names} == copies
