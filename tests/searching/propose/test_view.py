"""A run's Optuna study, as Optuna's own API has it: every trial as it is now; and no search is lost with it."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from optuna.trial import FrozenTrial, TrialState
from studies import records, shown

from sasa_nas.run import Arm, Outcome, RunFolder
from sasa_nas.run.optuna_trials import STATES, attributes
from sasa_nas.searching.plan import SearchPlan
from sasa_nas.searching.propose.proposer import Proposer
from sasa_nas.searching.propose.requests import FIRST_SEEDS, Request, enqueue
from sasa_nas.searching.propose.study import opened_study

MakePlan = Callable[..., SearchPlan]
OBJECTIVES = ("accuracy", "flops", "params")


def constraints(trial: FrozenTrial) -> list[float]:
    """The values that Optuna itself counts with, in its forms of before and after version 5."""
    if hasattr(trial, "constraints"):
        return [*trial.constraints.values()]
    return [*(trial.system_attrs.get("constraints") or ())]


def limited(data: dict) -> None:
    data["stages"][0]["width"] = {"choice": [8, 12, 16, 64]}
    data["limits"] = {"max_params": 4_000}


def agree(folder: RunFolder) -> list[FrozenTrial]:
    """Assert that the study says of every trial what the run's lines say; return its trials."""
    trials, known = shown(folder), records(folder)
    assert [trial.number for trial in trials] == [record.number for record in known]
    for trial, record in zip(trials, known, strict=True):
        assert trial.state is STATES[record.outcome]
        assert trial.user_attrs["record"] == attributes(record)["record"]
        if record.outcome is not Outcome.WAITING:
            assert trial.params == record.choices
        if record.outcome is Outcome.TRAINED:
            assert trial.values == [getattr(record, objective) for objective in OBJECTIVES]
    return trials


def test_it_shows_finished_and_running_trials_during_a_search(make_plan: MakePlan, folder: RunFolder, notes) -> None:
    """With every objective and every constraint, after each change; and after a later session as well."""
    # a sampler that learns of limits by its draws, where the model counts before
    plan = make_plan(limited, trials=14, objectives=OBJECTIVES, accuracy_floor=0.6, balanced=0.0, sampler="tpe")
    with opened_study(folder, plan) as study:
        proposer = Proposer(study, plan, notes)
        first, second = proposer.propose(), proposer.propose()
        assert [trial.state for trial in agree(folder)].count(TrialState.RUNNING) == 2
        proposer.finish(first.record(Outcome.TRAINED).model_copy(update={"accuracy": 0.5}))
        while (proposal := proposer.propose()) is not None:
            proposer.finish(proposal.record(Outcome.TRAINED).model_copy(update={"accuracy": 0.75}))
            trials = agree(folder)
            assert trials[second.number].state is TrialState.RUNNING
            assert [*trials[second.number].params] == [*records(folder)[second.number].choices]
        trials = agree(folder)
    assert constraints(trials[first.number]) == pytest.approx([0.1])
    refused = [r for r in records(folder) if r.outcome is Outcome.INFEASIBLE]
    assert refused
    for record in refused:
        assert constraints(trials[record.number]) == pytest.approx([record.params / 4_000 - 1.0])
    with opened_study(folder, plan):
        again = agree(folder)
    for one, other in zip(again, trials, strict=True):
        assert constraints(one) == constraints(other)
        assert one.state is other.state
        if one.number != second.number:  # which begins again
            assert abs((one.datetime_start - other.datetime_start).total_seconds()) < 10


def test_it_shows_trials_that_wait(make_plan: MakePlan, folder: RunFolder, notes) -> None:
    plan = make_plan(trials=4)
    with opened_study(folder, plan) as study:
        proposer = Proposer(study, plan, notes)
        proposer.finish(proposer.propose().record(Outcome.TRAINED).model_copy(update={"accuracy": 0.5}))
        for seed in (FIRST_SEEDS[Arm.SWAP], FIRST_SEEDS[Arm.SWAP] + 1):
            enqueue(study, records(folder)[0].choices, Request(seed, swap_of=0))
        assert [trial.state for trial in shown(folder)][1:] == [TrialState.WAITING] * 2
    with opened_study(folder, plan) as study:
        proposer = Proposer(study, plan, notes)
        assert proposer.propose().number == 3  # the first two are equal to trial 0
        assert [trial.state for trial in shown(folder)][1:] == [TrialState.PRUNED] * 2 + [TrialState.RUNNING]
        assert [record.outcome for record in records(folder)][1:3] == [Outcome.DUPLICATE] * 2


DAMAGE: dict[str, Callable[[Path, Path], object]] = {
    "missing": lambda file, outside: file.unlink(),
    "cut off": lambda file, outside: file.write_bytes(file.read_bytes()[:500]),
    "foreign": lambda file, outside: file.write_bytes(b"anything" * 999),
    "stale": lambda file, outside: file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:4])),
    "a link": lambda file, outside: (file.unlink(), file.symlink_to(outside)),
    "held": lambda file, outside: file.with_name(f"{file.name}.lock").touch(),
    "held by a link": lambda file, outside: file.with_name(f"{file.name}.lock").symlink_to(outside),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_session_makes_it_anew(make_plan: MakePlan, folder: RunFolder, tmp_path: Path, notes, name: str) -> None:
    plan, outside = make_plan(trials=4, objectives=OBJECTIVES), tmp_path / "outside"
    outside.write_text("secret")
    with opened_study(folder, plan) as study:
        proposer = Proposer(study, plan, notes)
        for _ in range(2):
            proposer.finish(proposer.propose().record(Outcome.TRAINED).model_copy(update={"accuracy": 0.5}))
    DAMAGE[name](folder.study, outside)
    with opened_study(folder, plan) as study:
        Proposer(study, plan, notes).propose()
        assert len(agree(folder)) == len(study)
    assert outside.read_text() == "secret"


def folder_instead(file: Path) -> None:
    file.unlink()
    file.mkdir()


@pytest.mark.parametrize("harm", [folder_instead, lambda file: file.write_bytes(b"[" * 9_000 + b"\n" * 9)])
def test_a_search_goes_on_without_it(
    make_plan: MakePlan, folder: RunFolder, notes, harm: Callable[[Path], object]
) -> None:
    plan = make_plan(trials=4)
    with opened_study(folder, plan) as study:
        proposer = Proposer(study, plan, notes)
        proposer.finish(proposer.propose().record(Outcome.TRAINED).model_copy(update={"accuracy": 0.5}))
        harm(folder.study)
        while (proposal := proposer.propose()) is not None:
            proposer.finish(proposal.record(Outcome.TRAINED).model_copy(update={"accuracy": 0.5}))
    assert sum(record.outcome is Outcome.TRAINED for record in records(folder)) == 4
    with opened_study(folder, plan) as study:  # neither does a session that finds it like that
        assert len(study) == len(records(folder))


COMMAND = "import sys; from optuna.cli import main; sys.exit(main())"


@pytest.mark.slow
def test_optunas_command_line_reads_it(make_plan: MakePlan, folder: RunFolder, notes) -> None:
    plan = make_plan(trials=2)
    with opened_study(folder, plan) as study:
        Proposer(study, plan, notes).propose()
        options = ["--storage", str(folder.study), "--storage-class", "JournalFileBackend", "--study-name", "sasa-nas"]
        command = [sys.executable, "-c", COMMAND, "trials", *options, "--format", "json"]
        answer = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "RUNNING" in answer.stdout
