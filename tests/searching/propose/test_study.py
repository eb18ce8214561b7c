"""The study of a run: killed at any write, read while it writes, without room on its disk."""

import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from assertions import every
from studies import outcomes, records, shown

from sasa_nas.errors import UserError
from sasa_nas.run import Outcome, RunFolder
from sasa_nas.run.stored_trial import StoredTrial
from sasa_nas.run.trial_log import TrialLog
from sasa_nas.searching.plan import SearchPlan
from sasa_nas.searching.propose.proposal import Proposal
from sasa_nas.searching.propose.proposer import Proposer
from sasa_nas.searching.propose.study import SearchStudy, opened_study

MakePlan = Callable[..., SearchPlan]


class Killed(BaseException):
    """In SIGKILL's place: nothing of the session goes on after it."""


class MortalLog(TrialLog):
    """Dies at one of its writes, before it, after it, or in its midst.

    Args:
        path: The file.
        writes: So many go well.
        share: Of the last one's bytes that still reach the file.
    """

    def __init__(self, path: Path, writes: int, share: float) -> None:
        super().__init__(path, "")
        self._left = writes
        self._share = share

    def append(self, trial: StoredTrial) -> None:
        self._left -= 1
        if self._left < 0:
            line = trial.to_line()
            with self._path.open("ab") as file:
                file.write(line[: int(self._share * len(line))])
            raise Killed
        super().append(trial)


def search(proposer: Proposer, chance: random.Random) -> None:
    """Two workers whose trainings end in random order, one in five badly."""
    live: list[Proposal] = []
    while True:
        while len(live) < 2 and (proposal := proposer.propose()) is not None:
            live.append(proposal)
        if not live:
            return
        ended = live.pop(chance.randrange(len(live)))
        if proposer.goes_on(ended.number, 1, chance.random()):
            outcome = Outcome.DIVERGED if chance.random() < 0.2 else Outcome.TRAINED
        else:
            outcome = Outcome.STOPPED
        accuracy = chance.random() if outcome is Outcome.TRAINED else None
        record = ended.record(outcome).model_copy(update={"accuracy": accuracy, "epochs": 2, "reason": "why"})
        proposer.finish(record)


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.0, 0.6, 1.0])
def test_a_search_killed_at_any_write_is_completed_by_a_resume(
    make_plan: MakePlan, tmp_path: Path, notes, share: float
) -> None:
    def edit(data: dict) -> None:
        data["proxy"]["recipe"]["epochs"] = 2
        data["stages"][0]["width"] = {"choice": [8, 12]}
        data["stages"][0]["operator"]["choice"][1]["num_heads"] = {"choice": [2, 4]}  # 4 heads leave 3 channels of 12

    plan = make_plan(edit, trials=6, halving=True, objectives=("accuracy",))
    survived = False
    writes = 0
    while not survived:
        folder = RunFolder(tmp_path / f"{writes}")
        folder.path.mkdir()
        with MortalLog(folder.log, writes, share) as log:
            try:
                search(Proposer(SearchStudy(plan, log), plan, notes), random.Random(writes))
                survived = True
            except Killed:
                pass
        before = outcomes(folder)
        with opened_study(folder, plan) as study:
            proposer = Proposer(study, plan, notes)
            search(proposer, random.Random(writes))
            assert proposer.done
        trials = shown(folder)
        after_all = outcomes(folder)
        assert [trial.number for trial in trials] == [*after_all] == list(range(len(trials)))
        assert every(trial.state.is_finished() for trial in trials)
        assert sum(outcome.spent for outcome in after_all.values()) == 6
        finished = {n: outcome for n, outcome in before.items() if outcome is not Outcome.RUNNING}
        assert {n: after_all[n] for n in finished} == finished
        rungs = [r.rungs for r in records(folder) if r.outcome is not Outcome.DUPLICATE and r.outcome.spent]
        assert every(set(reached) == {1} for reached in rungs)
        writes += 3
    assert writes > 12


def test_a_session_after_a_kill_plans_the_same_first_designs(make_plan: MakePlan, tmp_path: Path, notes) -> None:
    def ids(name: str, sessions: list[int]) -> list[str]:
        folder, found = RunFolder(tmp_path / name), []
        folder.path.mkdir()
        for trials in sessions:
            plan = make_plan(trials=6)
            with opened_study(folder, plan) as study:
                proposer = Proposer(study, plan, notes)
                for _ in range(trials):
                    proposal = proposer.propose()
                    proposer.finish(proposal.record(Outcome.TRAINED).model_copy(update={"accuracy": 0.5}))
                    found.append(proposal.design.architecture.id)
        return found

    assert ids("whole", [6]) == ids("cut", [2, 3, 1])


def search_by_hand(folder: RunFolder, plan: SearchPlan, notes, trials: int = 1_000_000) -> Proposer:
    """Train so many networks, or all that are proposed, to the same accuracy."""
    with opened_study(folder, plan) as study:
        proposer = Proposer(study, plan, notes)
        while trials and (proposal := proposer.propose()) is not None:
            proposer.finish(proposal.record(Outcome.TRAINED).model_copy(update={"accuracy": 0.5}))
            trials -= 1
    return proposer


def test_a_full_disk_under_the_file_is_named_and_nothing_is_lost(
    make_plan: MakePlan, folder: RunFolder, notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk takes half of a line, and nothing more."""
    plan, room, write = make_plan(trials=8), [20_000], os.write

    def fill(file: int, data: bytes) -> int:
        if not room[0]:
            raise OSError(28, "No space left on device")
        written = write(file, data[: room[0]])
        room[0] -= written
        return written

    monkeypatch.setattr("sasa_nas.run.trial_log.os.write", fill)
    with pytest.raises(UserError, match=r"trials\.jsonl cannot be written: No space left on device; make room.*resume"):
        search_by_hand(folder, plan, notes)
    monkeypatch.undo()
    assert folder.log.read_bytes().endswith(b"\n")
    done = [record.number for record in notes.ended if record.outcome is Outcome.TRAINED]
    assert 0 < len(done) < 8
    assert [number for number, outcome in outcomes(folder).items() if outcome is Outcome.TRAINED] == done
    search_by_hand(folder, plan, notes)
    assert sum(outcome is Outcome.TRAINED for outcome in outcomes(folder).values()) == 8


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda lines: [*lines[:2], lines[2][:40], *lines[3:]], "line 3 is no JSON"),
        (
            lambda lines: [line for line in lines if not line.startswith(b'{"number":1,')],
            "trials before it are missing",
        ),
        (lambda lines: [line.replace(b'"trained"', b'"eaten"') for line in lines], "trial 0: outcome: Input should"),
        (lambda lines: [line.replace(b'"options":{', b'"options":7,"x":{') for line in lines], "sampling.options"),
        (lambda lines: [line.replace(b'"stages[0].width"', b'"another"', 1) for line in lines], ""),
    ],
    ids=["a line cut off", "a line lost", "another outcome", "another sampling", "choices that do not fit"],
)
def test_a_damaged_log_is_one_line_that_says_what_to_do(
    make_plan: MakePlan, folder: RunFolder, notes, damage: Callable[[list[bytes]], list[bytes]], words: str
) -> None:
    plan = make_plan(wide, trials=4)
    search_by_hand(folder, plan, notes)
    lines = damage(folder.log.read_bytes().split(b"\n")[:-1])
    folder.log.write_bytes(b"".join(line + b"\n" for line in lines))
    whole = folder.log.read_bytes()
    with (
        pytest.raises(
            UserError, match=rf"trials\.jsonl is damaged or foreign: .*{words}.*; put back a copy of it"
        ) as caught,
        opened_study(folder, plan),
    ):
        pass
    assert "\n" not in str(caught.value)
    assert folder.log.read_bytes() == whole


def wide(data: dict) -> None:
    data["stages"][0]["width"] = {"choice": [8, 12]}


READ = """
import sys
from pathlib import Path
from sasa_nas.run import RunFolder
sys.path.insert(0, sys.argv[2])
from studies import outcomes, shown
folder = RunFolder(Path(sys.argv[1]))
print(len(outcomes(folder)), len(shown(folder)))
"""


@pytest.mark.slow
def test_another_process_reads_while_a_search_writes(make_plan: MakePlan, folder: RunFolder, notes) -> None:
    plan = make_plan(trials=4)
    with opened_study(folder, plan) as study:
        proposer = Proposer(study, plan, notes)
        first = proposer.propose()
        proposer.finish(first.record(Outcome.TRAINED).model_copy(update={"accuracy": 0.5}))
        proposer.propose()
        command = [sys.executable, "-c", READ, str(folder.path), str(Path(__file__).parents[1])]
        seen = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert seen.split() == [str(len(study))] * 2
    assert sorted(path.name for path in folder.path.iterdir()) == ["study.journal", "trials.jsonl"]


def test_a_later_session_learns_from_earlier_ones(make_plan: MakePlan, folder: RunFolder, notes) -> None:
    """Trials as the sampler has them come back as they were, the notes of its own among them."""

    def edit(data: dict) -> None:
        wide(data)
        data["stages"][1]["width"] = {"range": [8, 64, 8]}

    plan = make_plan(edit, trials=24, sampler="nsga2", accuracy_floor=0.6)
    search_by_hand(folder, plan, notes)
    with opened_study(folder, plan) as study:
        again = study._study.get_trials()
    with TrialLog(folder.log, "") as log:
        kept = log.trials
    assert [trial.params for trial in again] == [trial.record.choices for trial in kept]
    assert [trial.system_attrs for trial in again] == [trial.sampling.attributes for trial in kept]
    assert any("NSGAIISampler:generation" in trial.system_attrs for trial in again)
    assert every(
        trial.sampling.constraints == {"accuracy_floor": pytest.approx(0.1)}
        for trial in kept
        if trial.record.outcome is Outcome.TRAINED
    )


def test_a_study_without_a_run_keeps_nothing(make_plan: MakePlan, tmp_path: Path, notes) -> None:
    plan = make_plan(trials=2)
    proposer = Proposer(SearchStudy(plan), plan, notes)
    while (proposal := proposer.propose()) is not None:
        proposer.finish(proposal.record(Outcome.TRAINED).model_copy(update={"accuracy": 0.5}))
    assert proposer.done
    assert not [*tmp_path.iterdir()]
