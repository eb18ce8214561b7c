"""Records kept in a real Optuna study come back as they were."""

import json
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from sasa_nas.operators.augmented_conv import AugmentedConv
from sasa_nas.operators.pairwise import Pairwise
from sasa_nas.run import Arm, Outcome, RunFolder, TrialRecord, read_trials
from sasa_nas.run.attributes import attributes, record_of
from sasa_nas.space import Architecture, Image, Stage
from sasa_nas.stems.attention import AttentionStem

ARCHITECTURE = Architecture(
    block="basic",
    stem=AttentionStem(width=16, values="plain"),
    stages=(Stage(width=16, operator=AugmentedConv(key_ratio=0.3)), Stage(operator=Pairwise(positions=False))),
    image=Image(channels=1, height=8, width=12),
    num_classes=10,
)
FULL = TrialRecord(
    number=0,
    outcome=Outcome.TRAINED,
    choices={"block": "basic", "stages[0].width": 16, "ratio": 0.3, "positions": False, "nothing": None},
    architecture=ARCHITECTURE,
    full_size=Architecture(stages=(Stage(),)),
    accuracy=0.9375,
    flops=2**40,
    params=12_345,
    memory=2**33,
    latency=0.00125,
    latency_quartiles=(0.0012, 0.0013),
    robust_accuracy=0.25,
    scores={"synflow": 61.5, "naswot": -1e-3},
    epochs=8,
    seconds=1.25,
    reason="κ: two\nlines",
    duplicate_of=3,
    arm=Arm.SWAP,
    seed=17,
    swap_of=2,
    swapped_stage=1,
)


def stored(path: Path, record: TrialRecord, state: TrialState) -> optuna.trial.FrozenTrial:
    """The record in a study of one trial, as a second connection to the file sees it."""
    storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
    study = optuna.load_study(study_name="sasa-nas", storage=storage)
    params = dict(record.choices)
    distributions = {
        name: optuna.distributions.CategoricalDistribution((value, "other")) for name, value in params.items()
    }
    values = [0.5, 1.0] if state == TrialState.COMPLETE else None
    study.add_trial(
        optuna.trial.create_trial(
            state=state, values=values, params=params, distributions=distributions, user_attrs=attributes(record)
        )
    )
    storage.engine.dispose()
    fresh = optuna.storages.RDBStorage(f"sqlite:///{path}")
    trials = optuna.load_study(study_name="sasa-nas", storage=fresh).get_trials()
    fresh.engine.dispose()
    return trials[-1]


@pytest.fixture
def study_file(tmp_path: Path, empty_study: Path) -> Path:
    path = tmp_path / "study.db"
    path.write_bytes(empty_study.read_bytes())
    return path


@pytest.mark.parametrize(
    "record",
    [
        FULL,
        TrialRecord(number=0, outcome=Outcome.INFEASIBLE, reason="heads"),
        TrialRecord(number=0, outcome=Outcome.RUNNING, architecture=ARCHITECTURE, choices={"stem": "attention"}),
        TrialRecord(number=0, outcome=Outcome.TRAINED, accuracy=0.0, flops=0, params=0, seconds=0.0),
    ],
    ids=["full", "infeasible", "running", "zeros"],
)
def test_a_record_comes_back_from_a_study(study_file: Path, record: TrialRecord) -> None:
    states = {Outcome.TRAINED: TrialState.COMPLETE, Outcome.RUNNING: TrialState.RUNNING}
    back = record_of(stored(study_file, record, states.get(record.outcome, TrialState.PRUNED)))
    assert back == record
    assert back.architecture_id == (record.architecture.id if record.architecture else None)


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_comes_back(study_file: Path, outcome: Outcome) -> None:
    record = TrialRecord(number=0, outcome=outcome)
    assert record_of(stored(study_file, record, TrialState.FAIL)).outcome is outcome


def test_what_is_stored_is_plain_json_without_what_is_empty() -> None:
    assert json.loads(json.dumps(attributes(FULL), allow_nan=False)) == attributes(FULL)
    text = json.dumps(attributes(TrialRecord(number=0, outcome=Outcome.WAITING)))
    assert "null" not in text
    assert ARCHITECTURE.id in json.dumps(attributes(FULL))


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (TrialState.WAITING, Outcome.WAITING),
        (TrialState.RUNNING, Outcome.RUNNING),
        (TrialState.FAIL, Outcome.LOST),
        (TrialState.PRUNED, Outcome.LOST),
    ],
)
def test_a_trial_that_a_killed_process_left_bare(state: TrialState, expected: Outcome) -> None:
    trial = optuna.trial.create_trial(state=state)
    trial.number = 4
    assert record_of(trial) == TrialRecord(number=4, outcome=expected)


def test_attributes_of_others_are_left_alone() -> None:
    trial = optuna.trial.create_trial(state=TrialState.RUNNING, user_attrs={"note": "mine", **attributes(FULL)})
    trial.number = 0
    assert record_of(trial) == FULL.model_copy(update={"choices": {}})


def test_trials_come_in_the_order_of_their_numbers(tmp_path: Path, make_run, make_record) -> None:
    records = [make_record(0, 0.5, 10), make_record(1), make_record(2, outcome=Outcome.LOST)]
    assert read_trials(RunFolder(make_run(records))) == records
