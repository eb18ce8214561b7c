"""A trial comes back from its line, and from Optuna's form of it, as it was."""

import json
import math
from datetime import UTC, datetime

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

from sasa_nas.operators.augmented_conv import AugmentedConv
from sasa_nas.operators.pairwise import Pairwise
from sasa_nas.run import Arm, Outcome, RunFolder, TrialRecord, read_trials
from sasa_nas.run.optuna_trials import RECORD, STATES, attributes, frozen_of, sampling_of
from sasa_nas.run.stored_trial import Numbers, Sampling, StoredTrial
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


SAMPLING = Sampling(
    options={
        "block": ("basic", "other"),
        "stages[0].width": Numbers(low=8, high=64, step=8),
        "ratio": Numbers(low=0.1, high=0.9, step=0.1),
        "positions": (True, False, 1, 0),
        "nothing": (None, "größe", 3, 0.5),
    },
    constraints={"limits": 0.5, "accuracy_floor": -0.25},
    attributes={"generation": 3},
    begun=datetime(2024, 5, 1, 12, tzinfo=UTC),
    ended=datetime(2024, 5, 1, 13, tzinfo=UTC),
)


@pytest.mark.parametrize(
    "record",
    [
        FULL,
        TrialRecord(number=0, outcome=Outcome.INFEASIBLE, reason="heads"),
        TrialRecord(number=0, outcome=Outcome.RUNNING, architecture=ARCHITECTURE, choices={"stem": "attention"}),
        TrialRecord(number=0, outcome=Outcome.TRAINED, accuracy=0.0, flops=0, params=0, seconds=0.0),
        *(TrialRecord(number=0, outcome=outcome) for outcome in Outcome),
    ],
)
@pytest.mark.parametrize("sampling", [Sampling(), SAMPLING], ids=["bare", "whole"])
def test_a_trial_comes_back_from_its_line(record: TrialRecord, sampling: Sampling) -> None:
    line = StoredTrial(record, sampling).to_line()
    assert line.count(b"\n") == 1
    back = StoredTrial.of_data(json.loads(line))
    assert back == StoredTrial(record, sampling)
    assert [*map(type, back.record.choices.values())] == [*map(type, record.choices.values())]
    assert back.sampling.model_dump_json() == sampling.model_dump_json()  # True is not 1


def test_a_line_is_plain_json_that_tools_can_read() -> None:
    data = json.loads(StoredTrial(FULL, Sampling()).to_line())
    assert (data["number"], data["outcome"], data["accuracy"]) == (0, "trained", 0.9375)
    assert data["architecture_id"] == ARCHITECTURE.id
    assert "seconds" not in json.loads(StoredTrial(TrialRecord(number=0, outcome=Outcome.LOST), Sampling()).to_line())


@pytest.mark.parametrize("outcome", sorted(set(Outcome) - {Outcome.WAITING, Outcome.RUNNING}))
def test_a_trial_comes_back_from_optuna(outcome: Outcome) -> None:
    record = FULL.model_copy(update={"outcome": outcome})
    values = [0.5, math.inf] if outcome is Outcome.TRAINED else None
    study = optuna.create_study(directions=["maximize", "minimize"])
    study.add_trial(frozen_of(StoredTrial(record, SAMPLING), values))
    (trial,) = study.get_trials()
    assert trial.state is STATES[outcome]
    assert trial.values == values
    assert trial.params == record.choices
    assert trial.user_attrs[RECORD] == attributes(record)[RECORD]
    assert sampling_of(trial, SAMPLING.constraints) == SAMPLING
    assert trial.distributions == {
        "block": CategoricalDistribution(("basic", "other")),
        "stages[0].width": IntDistribution(8, 64, step=8),
        "ratio": FloatDistribution(0.1, 0.9, step=0.1),
        "positions": CategoricalDistribution((True, False, 1, 0)),
        "nothing": CategoricalDistribution((None, "größe", 3, 0.5)),
    }


def test_every_outcome_has_a_state_of_optuna() -> None:
    assert set(STATES) == set(Outcome)
    assert {o for o in Outcome if STATES[o] is TrialState.COMPLETE} == {Outcome.TRAINED}


def test_trials_come_in_the_order_of_their_numbers(make_run, make_record) -> None:
    records = [make_record(0, 0.5, 10), make_record(1), make_record(2, outcome=Outcome.LOST)]
    assert read_trials(RunFolder(make_run(records))) == records
