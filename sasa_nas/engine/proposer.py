"""Asks the study for designs and turns down what need not or must not be trained.

The study on disk is the truth: what is in it is done, whoever did it, and what it shows as running is taken up
again. Ray Tune only carries out what comes out of here.
"""

import math
import random
import sqlite3
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import optuna
from optuna.storages import RDBStorage
from optuna.trial import Trial, TrialState

from sasa_nas.engine.balanced import REPLICATES, BalancedDesigns
from sasa_nas.engine.halving import MultiObjectiveHalving, levels
from sasa_nas.engine.objectives import directions, losses, values
from sasa_nas.engine.observer import SearchObserver
from sasa_nas.engine.plan import Design, OverLimit, SearchPlan, draw, find_new
from sasa_nas.engine.requests import Request, enqueue
from sasa_nas.engine.samplers import make_sampler
from sasa_nas.models import list_models, model_architecture
from sasa_nas.run import Arm, Outcome, RunFolder, SearchSettings, TrialRecord
from sasa_nas.run.attributes import attributes, record_of
from sasa_nas.run.records import STUDY_NAME
from sasa_nas.space import Infeasible
from sasa_nas.space.choosers import BalancedChooser, Label, RecallChooser, RecordingChooser
from sasa_nas.space.matching import choices_of
from sasa_nas.space.searchable import Number, Range

STARTUP = 10
"""Trials that are balanced over the space's options before Optuna's sampler takes over, at least."""
PATIENCE = 10
"""Proposals turned down in a row after which a random new design is put in the sampler's hand."""

_STATES = {
    Outcome.TRAINED: TrialState.COMPLETE,
    # a cause that lies in the design is PRUNED, from which samplers learn; FAIL they ignore
    Outcome.STOPPED: TrialState.PRUNED,
    Outcome.DIVERGED: TrialState.PRUNED,
    Outcome.INFEASIBLE: TrialState.PRUNED,
    Outcome.DUPLICATE: TrialState.PRUNED,
    Outcome.BROKEN: TrialState.FAIL,
    Outcome.LOST: TrialState.FAIL,
}


@dataclass(frozen=True)
class Proposal:
    """A design that is to be trained, its trial's number, and why and with which seed."""

    number: int
    design: Design
    request: Request

    def record(self, outcome: Outcome) -> TrialRecord:
        """The trial's record, as far as the design tells it."""
        return TrialRecord(
            number=self.number,
            outcome=outcome,
            architecture=self.design.architecture,
            full_size=self.design.full_size,
            flops=self.design.counts.flops(),
            params=self.design.counts.params,
            arm=self.request.arm,
            seed=self.request.seed,
            swap_of=self.request.swap_of,
            swapped_stage=self.request.swapped_stage,
        )


class TrialChooser:
    """Lets an Optuna trial decide at the forks of a space.

    Args:
        trial: A running trial; choices it already holds come back unchanged.
    """

    def __init__(self, trial: Trial) -> None:
        self.trial = trial

    def option(self, name: str, labels: Sequence[Label]) -> int:
        """The index of the label that the trial suggests."""
        return list(labels).index(self.trial.suggest_categorical(name, list(labels)))

    def number(self, name: str, values: Range) -> Number:
        """The number that the trial suggests."""
        low, high, step = values.range
        if isinstance(low, int) and isinstance(high, int) and isinstance(step, int):
            return self.trial.suggest_int(name, low, high, step=step)
        return self.trial.suggest_float(name, low, high, step=step)


def open_study(folder: RunFolder, settings: SearchSettings, *, durable: bool = True) -> optuna.Study:
    """The study of a run, made where there is none.

    Args:
        folder: The run's.
        settings: Of the search.
        durable: Whether every step must reach the disk before the next, at ten milliseconds each, to survive a power
            cut; a search that trains nothing is sooner repeated. A killed process loses nothing either way.
    """
    address = f"sqlite:///{folder.study.resolve()}"
    if durable:
        return new_study(settings, storage=address)

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(folder.study.resolve())
        connection.execute("PRAGMA synchronous = OFF")
        return connection

    return new_study(settings, storage=RDBStorage(address, engine_kwargs={"creator": connect}))


def new_study(settings: SearchSettings, *, storage: str | RDBStorage | None = None) -> optuna.Study:
    """A study with the objectives and the sampler of a search.

    Args:
        settings: Of the search.
        storage: A database, or its URL; what is in it is loaded. Memory where it is left out.
    """
    return optuna.create_study(
        study_name=STUDY_NAME,
        storage=storage,
        load_if_exists=True,
        directions=directions(settings.objectives),
        sampler=make_sampler(settings.sampler, seed=settings.seed, startup=STARTUP),
    )


def stop_reason(epoch: int) -> str:
    """Why a training was stopped after so many epochs."""
    return f"after {epoch} epoch{'s' if epoch > 1 else ''} others were better"


def _halving(plan: SearchPlan) -> MultiObjectiveHalving:
    """Early stopping as the search's settings want it."""
    settings = plan.settings
    epochs = plan.space.proxy.recipe.epochs
    compared = levels(epochs=epochs, grace=settings.grace_epochs, eta=settings.eta) if settings.halving else ()
    bound = math.inf if settings.accuracy_floor is None else -settings.accuracy_floor
    return MultiObjectiveHalving(compared, eta=settings.eta, bound=bound)


class Proposer:
    """Designs to train, one at a time, until as many have been trained as were asked for.

    Args:
        study: From `open_study`.
        plan: What is searched.
        observer: Told of everything that happens.
    """

    def __init__(self, study: optuna.Study, plan: SearchPlan, observer: SearchObserver) -> None:
        self._study = study
        self._plan = plan
        self._observer = observer
        records = [record_of(trial) for trial in study.get_trials(deepcopy=False)]
        self._interrupted = [r.number for r in records if r.outcome is Outcome.RUNNING]
        # the search's own waiting trials are its sampler's to take
        self._requested = [r.number for r in records if r.outcome is Outcome.WAITING and r.arm is not Arm.SEARCH]
        self._numbers = {r.architecture.id: r.number for r in records if r.architecture and r.outcome.spent}
        self._started = Counter(r.arm for r in records if r.outcome.spent or r.outcome is Outcome.RUNNING)
        self._balanced = BalancedDesigns(plan)
        self._live: dict[int, Proposal] = {}
        self._halving = _halving(plan)
        self._rungs: dict[int, dict[int, float]] = {}
        for record in records:
            for epoch, accuracy in record.rungs.items():
                self._halving.remember(record.number, epoch, self._losses(record, accuracy))
            if record.outcome is Outcome.RUNNING:
                self._rungs[record.number] = dict(record.rungs)
        self.exhausted = False
        """Whether no design is left that was not trained."""
        # chance is what the others are compared with: it gets no help
        if not records and plan.settings.sampler != "random":
            self._plan_startup()

    def propose(self) -> Proposal | None:
        """The next design to train; None when enough are trained or under way, or no new one is left."""
        while self._interrupted or self._requested:
            proposal = self._take_up((self._interrupted or self._requested).pop(0))
            if proposal is not None:
                return proposal
        while self._wanted > 0:
            if self._balanced_left > 0 and (self._balanced_due or self.exhausted):
                return self._propose_balanced()
            if self.exhausted:
                return None
            proposal = self._search()
            if proposal is not None:
                return proposal
        return None

    @property
    def _wanted(self) -> int:
        """Trainings of any arm still to be proposed."""
        return self._plan.settings.trials - self._started.total()

    @property
    def _balanced_left(self) -> int:
        """Trainings of the balanced share still to be proposed; a design with half its seeds is of little use."""
        share = int(self._plan.settings.balanced * self._plan.settings.trials)
        return share - share % REPLICATES - self._started[Arm.BALANCED]

    @property
    def _balanced_due(self) -> bool:
        """Whether the next training must be balanced for the share to be kept at every time."""
        started = self._started[Arm.BALANCED] + self._started[Arm.SEARCH]
        return self._started[Arm.BALANCED] + 1 <= self._plan.settings.balanced * (started + 1)

    def _propose_balanced(self) -> Proposal:
        """The next training of the balanced share: a new design, or the last one again with another seed."""
        place = self._started[Arm.BALANCED]
        request = Request(arm=Arm.BALANCED, seed=self._plan.settings.seed + 1 + place)
        proposal = self._take_up(enqueue(self._study, self._balanced[place // REPLICATES], request))
        assert proposal is not None
        return proposal

    def _search(self) -> Proposal | None:
        """The next design that the sampler wants and that is to be trained; None if there is no new one."""
        for _ in range(PATIENCE):
            proposal = self._ask()
            if proposal is not None:
                return proposal
        self._enqueue_new()
        return None

    def goes_on(self, number: int, epoch: int, accuracy: float) -> bool:
        """Whether a training is worth more epochs. What it reached is in the study before the answer is given.

        Args:
            number: A trial under way.
            epoch: Epochs it has trained.
            accuracy: On the validation split, after them.
        """
        proposal = self._live[number]
        # an effect is estimated from whole trainings, whatever came out
        if proposal.request.arm is not Arm.SEARCH or epoch not in self._halving.levels:
            return True
        record = proposal.record(Outcome.RUNNING)
        rungs = self._rungs.setdefault(number, {})
        rungs[epoch] = accuracy
        goes_on = self._halving.goes_on(number, epoch, self._losses(record, accuracy))
        # the reason tells a later session, should this one be killed before the trial is finished
        reason = None if goes_on else stop_reason(epoch)
        self._store(record.model_copy(update={"rungs": rungs, "reason": reason}))
        return goes_on

    def finish(self, record: TrialRecord) -> None:
        """Writes the end of a trial into the study."""
        self._live.pop(record.number, None)
        record = record.model_copy(update={"rungs": self._rungs.pop(record.number, record.rungs)})
        self._store(record)
        found = values(record, self._plan.settings.objectives) if record.outcome is Outcome.TRAINED else None
        self._tell_floor(record)
        self._study.tell(record.number, found, state=_STATES[record.outcome], skip_if_finished=True)
        self._observer.trial_ended(record)

    def _tell_floor(self, record: TrialRecord) -> None:
        """Tells the sampler by how much a network's accuracy misses the floor, if there is one."""
        floor = self._plan.settings.accuracy_floor
        if floor is not None and record.accuracy is not None:
            Trial(self._study, self._trial_id(record.number)).set_constraint("accuracy_floor", floor - record.accuracy)

    def _trial_id(self, number: int) -> int:
        return self._study._storage.get_trial_id_from_study_id_trial_number(self._study._study_id, number)

    def _losses(self, record: TrialRecord, accuracy: float) -> tuple[float, ...]:
        """Objectives for early stopping; costs count by their decades, as in a front's hypervolume."""
        accuracy_loss, *costs = losses(record, accuracy, self._plan.settings.objectives)
        return (accuracy_loss, *(math.log(max(cost, 1.0)) for cost in costs))

    @property
    def done(self) -> bool:
        """Whether nothing is left to propose and nothing is under way."""
        enough = self._wanted <= 0 or (self.exhausted and self._balanced_left <= 0)
        return enough and not (self._live or self._interrupted or self._requested)

    def _ask(self) -> Proposal | None:
        """One proposal of the sampler; None, and told so, if it is not to be trained."""
        trial = self._study.ask()
        request = Request(seed=self._plan.settings.seed)
        try:
            design = draw(self._plan, TrialChooser(trial))
        except OverLimit as error:
            trial.set_constraint("limits", error.excess)
            over = Proposal(trial.number, error.design, request).record(Outcome.INFEASIBLE)
            self.finish(over.model_copy(update={"reason": str(error)}))
            return None
        except Infeasible as error:
            trial.set_constraint("fit", 1.0)
            self.finish(TrialRecord(number=trial.number, outcome=Outcome.INFEASIBLE, reason=str(error)))
            return None
        proposal = Proposal(trial.number, design, request)
        earlier = self._numbers.get(design.architecture.id)
        if earlier is not None:
            copy = proposal.record(Outcome.DUPLICATE)
            self.finish(copy.model_copy(update={"duplicate_of": earlier, "reason": f"equal to trial {earlier}"}))
            return None
        return self._begin(proposal)

    def _take_up(self, number: int) -> Proposal | None:
        """A trial that was requested, or that an earlier session left running, as it was proposed then.

        Returns:
            None if it was about to be stopped.
        """
        frozen = self._study.get_trials(deepcopy=False)[number]
        record = record_of(frozen)
        self._study._storage.set_trial_state_values(frozen._trial_id, TrialState.RUNNING)
        # choices already in the study come back; any that a killed process had no time for are made now
        trial = Trial(self._study, frozen._trial_id)
        proposal = Proposal(number, draw(self._plan, TrialChooser(trial)), Request.of(record, self._plan.settings))
        if record.reason is not None:
            last = max(record.rungs)
            stopped = proposal.record(Outcome.STOPPED)
            self.finish(stopped.model_copy(update={"epochs": last, "reason": record.reason}))
            return None
        return self._begin(proposal, counted=record.outcome is Outcome.RUNNING)

    def _begin(self, proposal: Proposal, *, counted: bool = False) -> Proposal:
        """Notes that a training is under way.

        Args:
            proposal: What is trained.
            counted: Whether it was so before, and counts among those started.
        """
        if not counted:
            self._started[proposal.request.arm] += 1
        self._live[proposal.number] = proposal
        self._numbers.setdefault(proposal.design.architecture.id, proposal.number)
        rungs = self._rungs.get(proposal.number, {})
        record = proposal.record(Outcome.RUNNING).model_copy(update={"rungs": rungs})
        self._store(record)
        self._observer.trial_started(record)
        return proposal

    def _store(self, record: TrialRecord) -> None:
        for name, value in attributes(record).items():
            self._study._storage.set_trial_user_attr(self._trial_id(record.number), name, value)

    def _plan_startup(self) -> None:
        """Puts first in line the named networks that the space holds, then designs in balance over its options.

        In balance means that every option of every fork comes up equally often.
        """
        wanted = min(STARTUP, self._plan.settings.trials - self._balanced_left)
        generator = random.Random(self._plan.settings.seed)
        balanced = BalancedChooser(generator)
        seen: set[str] = set()
        known = (choices_of(self._plan.space, model_architecture(name)) for name in list_models())
        for answers in known:
            if answers is not None and len(seen) < wanted:
                self._enqueue(RecordingChooser(RecallChooser(answers)), seen)
        for _ in range(20 * wanted):
            if len(seen) == wanted:
                break
            self._enqueue(RecordingChooser(balanced), seen)

    def _enqueue(self, chooser: RecordingChooser, seen: set[str]) -> None:
        """Puts a design in line, unless it cannot be or its id is in `seen`, to which it is added."""
        try:
            design = draw(self._plan, chooser)
        except Infeasible:
            return
        if design.architecture.id not in seen:
            seen.add(design.architecture.id)
            self._study.enqueue_trial(chooser.answers)

    def _enqueue_new(self) -> None:
        """Puts a random design that was never trained next in line, or finds that there is none."""
        trials = len(self._study.get_trials(deepcopy=False))
        generator = random.Random(f"{self._plan.settings.seed}/{trials}")
        choices = find_new(self._plan, self._numbers, generator)
        if choices is None:
            self.exhausted = True
        else:
            self._study.enqueue_trial(choices)
