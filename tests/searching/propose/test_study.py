"""The study of a run: killed at any write, read while it writes, held by others."""

import random
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from assertions import every
from optuna.trial import FrozenTrial
from studies import kept, outcomes, records

from sasa_nas.errors import UserError
from sasa_nas.run import Outcome, RunFolder
from sasa_nas.run.study_file import file_system, writing
from sasa_nas.run.trial_writer import TrialWriter
from sasa_nas.searching.plan import SearchPlan
from sasa_nas.searching.propose.proposal import Proposal
from sasa_nas.searching.propose.proposer import Proposer
from sasa_nas.searching.propose.study import SearchStudy, opened_study

MakePlan = Callable[..., SearchPlan]


class Killed(BaseException):
    """In SIGKILL's place: nothing of the session goes on after it."""


class MortalFile:
    """Dies at one of its writes, before or after it.

    Args:
        file: Who writes.
        writes: So many go well.
        after: Whether the last of them still reaches the file.
    """

    def __init__(self, file: TrialWriter, writes: int, after: bool) -> None:
        self._file = file
        self._left = writes
        self._after = after

    def write(self, trial: FrozenTrial) -> None:
        self._left -= 1
        if self._left >= 0:
            self._file.write(trial)
            return
        if self._after:
            self._file.write(trial)
        raise Killed


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
@pytest.mark.parametrize("after", [False, True])
def test_a_search_killed_at_any_write_is_completed_by_a_resume(
    make_plan: MakePlan, tmp_path: Path, notes, after: bool
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
        with writing(folder) as storage:
            study = SearchStudy(plan.settings, storage)
            study._file = MortalFile(study._file, writes, after)
            try:
                search(Proposer(study, plan, notes), random.Random(writes))
                survived = True
            except Killed:
                pass
        before = outcomes(folder)
        with opened_study(folder, plan.settings) as study:
            proposer = Proposer(study, plan, notes)
            search(proposer, random.Random(writes))
            assert proposer.done
        trials = kept(folder)
        assert [trial.number for trial in trials] == list(range(len(trials)))
        assert every(trial.state.is_finished() for trial in trials)
        after_all = outcomes(folder)
        assert sum(outcome.spent for outcome in after_all.values()) == 6
        finished = {n: outcome for n, outcome in before.items() if outcome is not Outcome.RUNNING}
        assert {n: after_all[n] for n in finished} == finished
        rungs = [r.rungs for r in records(folder) if r.outcome is not Outcome.DUPLICATE and r.outcome.spent]
        assert every(set(reached) == {1} for reached in rungs)
        writes += 3 if after else 2
    assert writes > 12


def test_a_session_after_a_kill_plans_the_same_first_designs(make_plan: MakePlan, tmp_path: Path, notes) -> None:
    def ids(name: str, sessions: list[int]) -> list[str]:
        folder, found = RunFolder(tmp_path / name), []
        folder.path.mkdir()
        for trials in sessions:
            plan = make_plan(trials=6)
            with opened_study(folder, plan.settings) as study:
                proposer = Proposer(study, plan, notes)
                for _ in range(trials):
                    proposal = proposer.propose()
                    proposer.finish(proposal.record(Outcome.TRAINED).model_copy(update={"accuracy": 0.5}))
                    found.append(proposal.design.architecture.id)
        return found

    assert ids("whole", [6]) == ids("cut", [2, 3, 1])


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Another program that holds the file for itself."""
    other = sqlite3.connect(path, isolation_level=None)
    try:
        other.execute("BEGIN EXCLUSIVE")
        yield
    finally:
        other.close()


def test_a_file_that_another_program_holds_is_named(make_plan: MakePlan, folder: RunFolder, notes) -> None:
    plan = make_plan(trials=2)
    with opened_study(folder, plan.settings) as study:
        Proposer(study, plan, notes).propose()
    with (
        held(folder.study),
        pytest.raises(UserError, match=r"study\.db cannot be written: database is locked; end what holds it.*resume"),
        opened_study(folder, plan.settings, patience=0.1),
    ):
        pass


def test_a_write_waits_for_another_program(make_plan: MakePlan, folder: RunFolder, notes) -> None:
    plan = make_plan(trials=1)
    with opened_study(folder, plan.settings) as study:
        proposer = Proposer(study, plan, notes)
        script = (
            "import sqlite3, sys, time; c = sqlite3.connect(sys.argv[1], isolation_level=None); "
            "c.execute('BEGIN EXCLUSIVE'); print('held', flush=True); time.sleep(1)"
        )
        command = [sys.executable, "-c", script, str(folder.study)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
            assert other.stdout is not None
            assert other.stdout.readline() == "held\n"
            proposer.propose()
    assert outcomes(folder) == {0: Outcome.RUNNING}


def test_a_full_disk_under_the_file_is_named_and_nothing_is_lost(make_plan: MakePlan, folder: RunFolder, notes) -> None:
    plan = make_plan(trials=8)

    def search_until_full() -> None:
        with opened_study(folder, plan.settings) as study:
            proposer = Proposer(study, plan, notes)
            connection = study._file._engine.raw_connection()
            pages = connection.cursor().execute("PRAGMA page_count").fetchone()[0]
            connection.cursor().execute(f"PRAGMA max_page_count={pages + 3}")
            connection.close()
            while (proposal := proposer.propose()) is not None:
                proposer.finish(proposal.record(Outcome.TRAINED).model_copy(update={"accuracy": 0.5}))

    with pytest.raises(UserError, match=r"study\.db cannot be written: database or disk is full; .*make room"):
        search_until_full()
    done = sum(record.outcome is Outcome.TRAINED for record in notes.ended)
    assert 0 < done < 8
    assert sum(outcome is Outcome.TRAINED for outcome in outcomes(folder).values()) == done
    with opened_study(folder, plan.settings) as study:
        proposer = Proposer(study, plan, notes)
        while (proposal := proposer.propose()) is not None:
            proposer.finish(proposal.record(Outcome.TRAINED).model_copy(update={"accuracy": 0.5}))
    assert [trial.number for trial in kept(folder)] == list(range(len(kept(folder))))
    assert sum(outcome is Outcome.TRAINED for outcome in outcomes(folder).values()) == 8


def test_a_file_that_is_no_database_is_named(make_plan: MakePlan, folder: RunFolder) -> None:
    folder.study.write_bytes(b"years of work" * 1000)
    with (
        pytest.raises(UserError, match=r"study\.db is damaged or foreign: file is not a database"),
        opened_study(folder, make_plan().settings),
    ):
        pass


@pytest.mark.parametrize("damage", ["a page of zeros", "a record cut off", "a record of another shape"])
def test_a_damaged_study_is_one_line_that_says_what_to_do(
    make_plan: MakePlan, folder: RunFolder, notes, damage: str
) -> None:
    plan = make_plan(trials=4)
    with opened_study(folder, plan.settings) as study:
        proposer = Proposer(study, plan, notes)
        while (proposal := proposer.propose()) is not None:
            proposer.finish(proposal.record(Outcome.TRAINED).model_copy(update={"accuracy": 0.5}))
    with closing(sqlite3.connect(folder.study)) as connection, connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'trial_values'").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        if damage != "a page of zeros":
            text = '{"outcome": "trai' if damage == "a record cut off" else '{"outcome": 3}'
            connection.execute("UPDATE trial_user_attributes SET value_json = ? WHERE trial_id = 2", (text,))
    if damage == "a page of zeros":
        with folder.study.open("r+b") as file:
            file.seek((page - 1) * size)
            file.write(bytes(size))
    with (
        pytest.raises(UserError, match=r"study\.db is damaged or foreign: .*; put back a copy of it") as caught,
        opened_study(folder, plan.settings),
    ):
        pass
    assert "\n" not in str(caught.value)


READ = """
import sys
from pathlib import Path
from sasa_nas.run import RunFolder
sys.path.insert(0, sys.argv[2])
from studies import outcomes
print(len(outcomes(RunFolder(Path(sys.argv[1])))))
"""


@pytest.mark.slow
def test_another_process_reads_while_a_search_writes(make_plan: MakePlan, folder: RunFolder, notes) -> None:
    """As `optuna-dashboard` does; and a reader in the middle of its reading stops no write."""
    plan = make_plan(trials=4)
    with opened_study(folder, plan.settings) as study:
        proposer = Proposer(study, plan, notes)
        first = proposer.propose()
        reader = sqlite3.connect(f"file:{folder.study}?mode=ro", uri=True)
        reading = reader.execute("SELECT trial_id FROM trials")
        assert reading.fetchone()
        proposer.finish(first.record(Outcome.TRAINED).model_copy(update={"accuracy": 0.5}))
        proposer.propose()
        command = [sys.executable, "-c", READ, str(folder.path), str(Path(__file__).parents[1])]
        seen = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert int(seen) == len(study.get_trials())
        reader.close()
    # one file is left that can be copied
    assert sorted(path.name for path in folder.path.iterdir()) == ["study.db"]


def test_the_file_system_is_that_of_the_longest_mount(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(
        f"overlay / overlay rw 0 0\nserver:/x {tmp_path}/my\\040runs nfs4 rw 0 0\ntmpfs /tm tmpfs rw 0 0\n"
    )
    assert file_system(tmp_path / "my runs" / "new" / "study.db", mounts) == "nfs4"
    assert file_system(tmp_path / "my", mounts) == "overlay"
    assert file_system(tmp_path, tmp_path / "none") is None
