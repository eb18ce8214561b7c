"""Plays one round: begins, strikes, goes on until the run is finished, and judges what it finds."""

import shutil
import signal
import time
import uuid
from pathlib import Path

from chaos_parts import damage, oracle
from chaos_parts.disk import SmallDisk
from chaos_parts.outcome import Outcome
from chaos_parts.processes import Process, Role, Session, marked
from chaos_parts.program import RETRAINING, Command, make_base
from chaos_parts.scenario import Kind, Scenario, Strike
from chaos_parts.verdict import compare_designs, compare_retraining
from chaos_parts.watch import EpochLog, told

POLL = 0.02
LONGEST = 400.0
"""Seconds after which a session hangs."""
GRACE: dict[Role, float] = {"driver": 10.0, "worker": 10.0, "raylet": 10.0, "gcs": 10.0, "agent": 75.0}
"""Seconds in which processes end after their search: Ray's own helpers wait a minute for the others."""
_SIGNALS = {Kind.INTERRUPT: signal.SIGINT, Kind.TERMINATE: signal.SIGTERM, Kind.HANG_UP: signal.SIGHUP}
_STARTING = 6.0
"""Seconds after a session's start in which Python may not have got as far as to handle signals."""
_TRIALS = "trials.jsonl"
_VIEW = "study.journal"
"""Files made from the trials; damage to them excuses no loss."""


class Round:
    """One round.

    Args:
        scenario: What is done.
        folder: Its own, empty, with a short path: Ray's sockets lie below it.
        shared: The folder of what undisturbed runs came to, for rounds to share.
        disks: Whether a small disk can be mounted.
    """

    def __init__(self, scenario: Scenario, folder: Path, shared: Path, *, disks: bool) -> None:
        self.outcome = Outcome(scenario)
        self._scenario = scenario
        self._folder = folder
        self._shared = shared
        self._mark = uuid.uuid4().hex
        self._disk = self._mount(disks)
        self._run = (self._disk.place if self._disk else folder) / "run"
        base = make_base(shared, 1, self._mark) if scenario.program == "retrain" else shared
        self._command = Command(scenario, folder, self._run, base)
        self._log = EpochLog(self._run, scenario.program)
        self._session: Session | None = None
        self._finished: dict[int, oracle.Trial] = {}
        self._excused: set[str] = set()
        """Trainings whose files were torn or removed: they may begin again."""
        self._torn: Path | None = None

    def _mount(self, disks: bool) -> SmallDisk | None:
        if not any(strike.kind is Kind.FILL for strike in self._scenario.strikes):
            return None
        if not disks:
            self.outcome.skipped.append(Kind.FILL)
            return None
        (self._folder / "d").mkdir()
        return SmallDisk(self._folder / "d")

    def play(self) -> Outcome:
        """Return what became of it, all its processes ended and its disk unmounted."""
        begun = time.monotonic()
        try:
            self._strike_all()
            self._finish()
            self._see_off()
        finally:
            for process in marked(self._mark):
                process.kill()
            if self._disk is not None:
                self._disk.close()
            self.outcome.seconds = round(time.monotonic() - begun, 1)
        return self.outcome

    def _strike_all(self) -> None:
        for strike in self._scenario.strikes:
            if strike.kind in self.outcome.skipped:
                continue
            session = self._session or self._start()
            if session is None:
                return
            if not self._until(strike, session):
                self._judge(session, "before a strike", {0, 2} if self._torn else {0})
                return
            self._hit(strike, session)
            if self.outcome.faults or self.outcome.refused:
                return

    def _finish(self) -> None:
        """Go on until nothing is left to do."""
        for _ in range(2):  # a retraining does not notice before the next time that something was removed
            if self.outcome.faults or self.outcome.refused:
                return
            session = self._session or self._start()
            status = self._wait(session)
            self._judge(session, "at the end", {0, 2} if self._torn else {0})
            if status == 0 and self._session is None and (self._scenario.program != "retrain" or not self._excused):
                break
            if status == 2:
                break
        if not self.outcome.faults and not self.outcome.refused:
            self._judge_run()

    def _start(self) -> Session:
        self.outcome.sessions += 1
        self._session = Session(self._command.words(), self._folder, f"s{self.outcome.sessions}", self._mark)
        return self._session

    def _until(self, strike: Strike, session: Session) -> bool:
        """Wait for a strike's moment; whether the session is still under way then."""
        moment: float | None = session.begun + strike.delay if strike.progress is None else None
        while session.status is None:
            self._log.look()
            now = time.monotonic()
            if moment is None and self._progress(session) >= (strike.progress or 0.0):
                moment = now + strike.delay
            if moment is not None and now >= moment:
                return True
            if now - session.begun > LONGEST:
                self._hangs(session, "before a strike")
                return False
            time.sleep(POLL)
        return False

    def _progress(self, session: Session) -> float:
        done = len(told(session.stderr)) if self._scenario.program == "formula" else self._log.epochs
        if self._scenario.program == "formula":
            done += sum(trial.spent for trial in self._finished.values())
        return done / self._command.epochs if done else -1.0

    def _hit(self, strike: Strike, session: Session) -> None:
        kind, place = strike.kind, strike.place
        after = f"{time.monotonic() - session.begun:.1f} s, {max(0.0, self._progress(session)):.0%} done"
        self.outcome.struck.append(f"{kind} after {after}")
        self.outcome.allowed += self._command.workers
        ends: set[int] | None = None
        if kind.signals:
            ends = self._ask_to_end(strike, session)
        elif kind in (Kind.KILL_DRIVER, Kind.TEAR, Kind.REMOVE_ALL):
            session.send(signal.SIGKILL)
            ends = {-signal.SIGKILL}
        elif kind in (Kind.KILL_WORKER, Kind.KILL_RAYLET, Kind.KILL_GCS):
            killed = self._kill(kind, place, session)
            # Ray lets nobody in before its first workers are there: without one it is given up, in a line
            starting = killed is not None and killed.command.startswith("ray::IDLE")
            ends = None if kind is Kind.KILL_WORKER and not starting else {2, 0}
        elif kind is Kind.FILL and self._disk is not None:
            self._disk.fill()
            ends = {2, 0}
        elif kind is Kind.REMOVE_RUNNING:
            self._remove(self._trainings(finished=False), place)
            ends = {2, 0}
        elif kind is Kind.REMOVE_FINISHED:
            self._remove(self._trainings(finished=True), place)
        if ends is None:
            return
        self._wait(session)
        self._judge(session, f"after {kind}", ends | {0})
        if self._disk is not None:
            self._disk.make_room()
        if kind in (Kind.TEAR, Kind.REMOVE_ALL):
            self._await_end(("worker", "raylet", "gcs"))
            self._tear(strike) if kind is Kind.TEAR else self._remove_all()
        time.sleep(strike.patience)

    def _ask_to_end(self, strike: Strike, session: Session) -> set[int]:
        number = _SIGNALS[strike.kind]
        starting = time.monotonic() - session.begun < _STARTING
        session.send(number, group=strike.group)
        if strike.twice:
            time.sleep(0.1 + strike.place)
            session.send(number, group=strike.group)
        how = ("twice, " if strike.twice else "") + ("to all of the group" if strike.group else "to the driver")
        self.outcome.struck[-1] += f", {how}"
        # a shell calls both 130; when all is written, the second one finds Python on its way out
        return {130, -number} if starting or strike.twice else {130}

    def _kill(self, kind: Kind, place: float, session: Session) -> Process | None:
        role: Role = {Kind.KILL_WORKER: "worker", Kind.KILL_RAYLET: "raylet", Kind.KILL_GCS: "gcs"}[kind]  # type: ignore[assignment]
        found: list[Process] = []
        # an early strike comes as soon as there is one
        while not found and session.status is None:
            found = [process for process in marked(self._mark) if process.role == role]
            self._log.look()
        if not found:
            self.outcome.struck[-1] += ": there is none"
            return None
        process = found[int(place * len(found))]
        process.kill()
        return process

    def _trainings(self, *, finished: bool) -> list[Path]:
        """Return the folders of trainings that are, or are not, at their end."""
        if self._scenario.program == "retrain":
            folders = sorted((self._run / "retrain" / RETRAINING).glob("[0-9]*"))
            return [folder for folder in folders if (folder / "result.json").exists() == finished]
        trials = self._trials() or {}
        folders = [self._run / "trials" / f"{number:04d}" for number, t in trials.items() if t.finished == finished]
        return [folder for folder in folders if folder.is_dir()]

    def _remove(self, folders: list[Path], place: float) -> None:
        gone = damage.remove(folders, place)
        self.outcome.struck[-1] += ": there is none" if gone is None else f": {gone.name}"
        if gone is not None:
            self._excuse(gone)

    def _remove_all(self) -> None:
        place = self._run / ("retrain" if self._scenario.program == "retrain" else "trials")
        shutil.rmtree(place, ignore_errors=True)
        self._excuse(place)

    def _tear(self, strike: Strike) -> None:
        file = damage.newest(self._run) if self._run.exists() else None
        if file is None:
            self.outcome.struck[-1] += ": there is none"
            return
        byte = damage.tear(file, strike.place, zeros=strike.zeros)
        how = "a block of zeros at" if strike.zeros else "cut off at"
        self.outcome.struck[-1] += f": {file.relative_to(self._run)}, {how} byte {byte}"
        if file.name == _VIEW:
            return
        self._torn = file
        self._excuse(file.parent)
        if file.name == _TRIALS:
            before, after = self._finished, self._trials() or {}
            self._finished = {number: trial for number, trial in before.items() if after.get(number) == trial}
            self._excused |= {f"trials/{number:04d}" for number in before.keys() - self._finished.keys()}

    def _excuse(self, place: Path) -> None:
        """Let trainings at or under a place begin again."""
        self._log.look()
        self._excused.add(place.relative_to(self._run).as_posix())

    def _trials(self) -> dict[int, oracle.Trial] | None:
        """Return the trials; None if they cannot be read."""
        try:
            return oracle.read_trials(self._run)
        except (ValueError, KeyError, TypeError, OSError):
            return None

    def _wait(self, session: Session) -> int | None:
        end = time.monotonic() + LONGEST
        while session.status is None and time.monotonic() < end:
            self._log.look()
            time.sleep(POLL)
        if session.status is None:
            self._hangs(session, "")
        return session.status

    def _hangs(self, session: Session, when: str) -> None:
        self.outcome.faults.append(f"`{session.words[0]}` {when} has not ended within {LONGEST:.0f} seconds")
        session.send(signal.SIGKILL)

    def _judge(self, session: Session, when: str, statuses: set[int]) -> None:
        """Judge how a session ended, and what it left of finished trials."""
        self._session = None
        status, stderr, faults = session.status, session.stderr, self.outcome.faults
        self._log.look()
        if status not in statuses:
            faults.append(f"`{session.words[0]}` {when} ended with {status}: {stderr[-600:]!r}")
        if "Traceback" in stderr:
            faults.append(f"`{session.words[0]}` {when} printed a traceback: {stderr[-1200:]!r}")
        if status == 2:
            faults += [f"{when}: {fault}" for fault in oracle.one_line(stderr)]
            if when == "at the end" and self._torn is not None:
                self.outcome.refused = stderr.splitlines()[-1].replace(str(self._folder), "")
        if self._scenario.program == "retrain":
            return
        trials = self._trials()
        if trials is None:
            if self._torn is None or self._torn.name != _TRIALS:
                faults.append(f"{when} the trials cannot be read")
            return
        faults += [f"{when}: {fault}" for fault in oracle.changed(self._finished, trials)]
        lost = [number for number in told(stderr) if number not in trials or not trials[number].finished]
        faults += [f"{when}: trial {number} was told to have ended and is lost" for number in lost]
        self._finished = {number: trial for number, trial in trials.items() if trial.finished}

    def _judge_run(self) -> None:
        """Judge a finished run."""
        faults, settings = self.outcome.faults, self._scenario.settings
        if self._scenario.program == "retrain":
            faults += compare_retraining(self._run, self._shared, settings["epochs"], self._mark)
        else:
            trials = oracle.read_trials(self._run)
            faults += oracle.unfinished(trials, settings["trials"])
            faults += compare_designs(self._scenario, self._command.space, trials)
        faults += oracle.leftovers(self._run)
        repeats = self._log.repeats()
        excused = [training for training in repeats if any(_within(training, place) for place in self._excused)]
        self.outcome.repeated = sum(count for training, count in repeats.items() if training not in excused)
        if self.outcome.repeated > self.outcome.allowed:
            faults.append(
                f"{self.outcome.repeated} epochs are trained twice, {self.outcome.allowed} allowed: {repeats}"
            )

    def _see_off(self) -> None:
        """Judge which processes are left, and what in the temporary folder."""
        for process in self._await_end(tuple(GRACE)):
            self.outcome.faults.append(f"a process is left, {process.role}: {process.command[:100]}")
        self.outcome.faults += oracle.kept_for_ever(self._folder / "t")

    def _await_end(self, roles: tuple[Role, ...]) -> list[Process]:
        """Wait for the end of processes of these roles; return those that outlast their grace."""
        begun = time.monotonic()
        while True:
            spent = time.monotonic() - begun
            left = [process for process in marked(self._mark) if process.role in roles]
            late = [process for process in left if spent > GRACE[process.role]]
            if late or not left:
                return late
            time.sleep(0.1)


def _within(training: str, place: str) -> bool:
    return training == place or training.startswith(place + "/") or place == "."
