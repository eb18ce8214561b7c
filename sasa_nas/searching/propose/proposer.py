"""Asks the study for designs and turns down what need not or must not be trained.

What the run keeps is the truth: what is in it is done, whoever did it, and what it shows as running is taken up
again. Ray Tune only carries out what comes out of here.
"""

import math
from collections import Counter
from dataclasses import replace

from sasa_nas.run import Arm, Outcome, TrialRecord
from sasa_nas.run.designs import designs
from sasa_nas.run.early_ranks import tells
from sasa_nas.searching.measurements import Measurements
from sasa_nas.searching.observer import SearchObserver
from sasa_nas.searching.plan import OverLimit, SearchPlan
from sasa_nas.searching.propose import initial_designs
from sasa_nas.searching.propose.arm_designs import ArmDesigns, draw_for
from sasa_nas.searching.propose.arms import ArmSchedule
from sasa_nas.searching.propose.baseline import baseline
from sasa_nas.searching.propose.halving import halving_of
from sasa_nas.searching.propose.objective_values import losses
from sasa_nas.searching.propose.proposal import Proposal, stop_reason, tell_end
from sasa_nas.searching.propose.refill import Refill
from sasa_nas.searching.propose.requests import Request, seed_of
from sasa_nas.searching.propose.score_filter import ScoreFilter
from sasa_nas.searching.propose.study import STARTUP, OpenTrial, SearchStudy
from sasa_nas.space import Infeasible
from sasa_nas.surrogate.posterior import LEAST

TOO_SLOW_IN_A_ROW = 50
"""Designs slower than the space's limit, one after the other, after which a search ends."""
PATIENCE = 10
"""Proposals turned down in a row after which a random new design is put in the sampler's hand."""

MEMORY_FAILURES = 2
"""Times that memory may run out under a training before it is given up; its neighbours may have been to blame once."""


class Proposer:
    """Designs to train, one at a time, until as many have been trained as were asked for.

    Args:
        study: Study of the run.
        plan: Plan of the search.
        observer: Observer of the progress.
        searching: Whether the search itself goes on; if not, only what was cut off, what was requested, and balanced
            trainings that are due are proposed.
    """

    def __init__(
        self, study: SearchStudy, plan: SearchPlan, observer: SearchObserver, *, searching: bool = True
    ) -> None:
        self._study = study
        self._plan = plan
        self._observer = observer
        records = study.records()
        self._requested = [r.number for r in records if r.outcome is Outcome.WAITING]
        self._interrupted: list[int] = []
        """Under way in an earlier session, or put back."""
        self._later: list[int] = []
        """Trials to be tried once more when there is less to do."""
        self._memory_failures: Counter[int] = Counter()
        own = [r for r in records if not r.arm.outside]
        known = (r for r in own if r.outcome.spent or r.latency is not None)
        self._numbers = {r.architecture.id: r.number for r in known if r.architecture}
        done = (r for r in own if r.outcome.spent)
        self._seeded = {
            (r.architecture.id, Request.of(r, plan.settings).seed): r.number for r in done if r.architecture
        }
        """The trial that trained a design with a seed."""
        self._started = Counter(r.arm for r in records if r.outcome.spent or r.outcome is Outcome.RUNNING)
        self._quota = ArmSchedule(plan.settings, self._started, searching=searching)
        self._others = ArmDesigns(plan, study.records)
        self._live: dict[int, Proposal] = {}
        self._halving = halving_of(plan)
        self._rungs: dict[int, dict[int, float]] = {}
        for record in records:
            for epoch, accuracy in record.rungs.items() if record.arm is Arm.SEARCH else ():
                self._halving.remember(record.number, epoch, self._losses(record, accuracy))
            if record.outcome is Outcome.RUNNING:
                self._rungs[record.number] = dict(record.rungs)
                self._interrupted.append(record.number)
        self._too_slow: list[float] = []
        self.hopeless: str | None = None
        """Reason why no further design seems to be within the limits; None if there may be one."""
        score_filter = ScoreFilter(plan) if plan.settings.score_filter else None
        self._refill = Refill(plan, score_filter, searching=searching)
        self.exhausted = False
        """Whether no design is left that was not trained."""
        self._baseline: str | None = None
        """Id of the network that no early stopping may end."""
        # chance is what the others are compared with: it gets no help but a filter's, where one is asked for
        if searching and plan.sampler.name != "random":
            reference = baseline(plan)
            self._baseline = None if reference is None else reference.design.architecture.id
            seen = {r.architecture.id for r in records if r.architecture and r.arm is Arm.SEARCH}
            wanted = min(STARTUP, plan.settings.trials - self._quota.share)
            study.line.extend(initial_designs.startup(plan, score_filter, seen, wanted))

    def propose(self) -> Proposal | None:
        """Return the next design to train; None when enough are trained or under way, or no new one is left."""
        while self._interrupted or self._requested:
            proposal = self._take_up((self._interrupted or self._requested).pop(0))
            if proposal is not None:
                return proposal
        while (arm := self._next_arm()) is not None:
            if arm is not Arm.SEARCH:
                choices, request = self._others.next(arm, self._started[arm])
                proposal = self._consider(self._study.ask_for(choices, arm), request)
                assert proposal is not None  # its design is known to fit, and trained whatever came before
                return proposal
            proposal = self._search()
            if proposal is not None:
                return proposal
        return self._take_up(self._later.pop(0)) if self._later else None

    def _search(self) -> Proposal | None:
        """Return the next design that the sampler wants and that is to be trained; None if there is no new one."""
        if not self._study.line:
            self._study.line.extend(self._refill.choices(self._study.records(), self._numbers))
        request = Request(seed_of(self._plan.settings, Arm.SEARCH, self._started[Arm.SEARCH]))
        for _ in range(PATIENCE):
            proposal = self._consider(self._study.ask(), request)
            if proposal is not None:
                return proposal
        choices = initial_designs.random_new(self._plan, self._numbers, len(self._study))
        if choices is None:
            self.exhausted = True
        else:
            self._study.line.append(choices)
        return None

    def found(self, number: int, findings: Measurements) -> None:
        """Note what a worker found out about a design under way."""
        self._live[number] = replace(self._live[number], findings=findings)

    def put_back(self, number: int) -> None:
        """Lets a trial that somebody else's failure cut off be the next one to be proposed."""
        if self._live.pop(number, None):
            self._interrupted.append(number)

    def try_later(self, number: int) -> bool:
        """Put a trial that ran out of memory off to the end, when it has fewer neighbours.

        Returns:
            False the second time, which is to be the end of it.
        """
        self._memory_failures[number] += 1
        if self._memory_failures[number] >= MEMORY_FAILURES:
            return False
        if self._live.pop(number, None):
            self._later.append(number)
        return True

    def goes_on(self, number: int, epoch: int, accuracy: float) -> bool:
        """Return whether a training is worth more epochs. What it reached is in the study before the answer is given.

        Args:
            number: A trial under way.
            epoch: Epochs it has trained.
            accuracy: Accuracy on the validation split after these epochs.
        """
        if epoch not in self._halving.levels:
            return True
        proposal = self._live[number]
        record = proposal.record(Outcome.RUNNING)
        rungs = self._rungs.setdefault(number, {})
        rungs[epoch] = accuracy
        # an effect is estimated from whole trainings, whatever came out; they tell whether stopping is of use, too
        goes_on = proposal.request.arm is not Arm.SEARCH
        goes_on = goes_on or self._halving.goes_on(number, epoch, self._losses(record, accuracy))
        if not goes_on and math.isfinite(accuracy):
            # others are compared with the baseline, in the end too
            goes_on = proposal.design.architecture.id == self._baseline or not tells(self._study.records(), epoch)
        # the reason tells a later session, should this one be killed before the trial is finished
        reason = None if goes_on else stop_reason(epoch)
        self._study.write(record.model_copy(update={"rungs": rungs, "reason": reason}))
        return goes_on

    def finish(self, record: TrialRecord) -> None:
        """Write the end of a trial into the study."""
        record = record.model_copy(update={"rungs": self._rungs.get(record.number, record.rungs)})
        tell_end(self._study, self._plan, record)
        if self._live.pop(record.number, None) is not None:
            self._count_refused(record)
        self._rungs.pop(record.number, None)
        self._observer.trial_ended(record)

    def _count_refused(self, record: TrialRecord) -> None:
        """Lets another design take the place of one that its worker found too slow, unless all are."""
        if record.outcome is not Outcome.INFEASIBLE:
            self._too_slow.clear()
            return
        self._too_slow.append(record.latency or math.inf)
        # the balanced share depends on no measurement: it is smaller by the one
        if record.arm is Arm.SEARCH:
            self._started[Arm.SEARCH] -= 1
        if len(self._too_slow) >= TOO_SLOW_IN_A_ROW:
            self.hopeless = (
                f"{len(self._too_slow)} designs one after the other were slower than "
                f"max_latency={self._plan.space.limits.max_latency:g} seconds, the fastest {min(self._too_slow):.3g}; "
                "raise the limit or add faster options"
            )

    def _losses(self, record: TrialRecord, accuracy: float) -> tuple[float, ...]:
        return losses(record, accuracy, self._plan.settings.objectives)

    @property
    def done(self) -> bool:
        """Return whether nothing is left to propose and nothing is under way."""
        return not (self._next_arm() or self._live or self.waiting)

    @property
    def planned(self) -> int:
        """Trainings of the run when this session is done, those of earlier ones among them."""
        return self._quota.planned + len(self._requested)

    def _next_arm(self) -> Arm | None:
        """Return the arm whose training is to be proposed next."""
        arm = None if self.hopeless else self._quota.next_arm(exhausted=self.exhausted)
        if arm is Arm.SETTLE and len(designs(self._study.records())) < LEAST:
            return None
        return arm

    @property
    def waiting(self) -> bool:
        """Return whether trials that were cut off, or requested, wait to be taken up."""
        return bool(self._interrupted or self._requested or self._later)

    def _take_up(self, number: int) -> Proposal | None:
        """Return a trial that was requested, or that was cut off, as it was proposed then.

        Returns:
            None if it was about to be stopped.
        """
        record = self._study.record(number)
        trial = self._study.trial(number)
        if record.reason is not None:
            last = max(record.rungs)
            self.finish(record.model_copy(update={"outcome": Outcome.STOPPED, "epochs": last}))
            return None
        # it counts again once it is considered
        self._started[record.arm] -= record.outcome is Outcome.RUNNING
        return self._consider(trial, Request.of(record, self._plan.settings))

    def _consider(self, trial: OpenTrial, request: Request) -> Proposal | None:
        """Return the design that a trial chooses, under way from now on; None if it is not to be trained."""
        try:
            design = draw_for(self._plan, trial, request)
        except OverLimit as error:
            trial.constraints["limits"] = error.excess
            over = Proposal(trial.number, error.design, request).record(Outcome.INFEASIBLE)
            self.finish(over.model_copy(update={"reason": str(error)}))
            return None
        except Infeasible as error:
            trial.constraints["fit"] = 1.0
            self.finish(TrialRecord(number=trial.number, outcome=Outcome.INFEASIBLE, reason=str(error)))
            return None
        proposal = Proposal(trial.number, design, request)
        earlier = self._earlier(proposal)
        if earlier != trial.number:
            copy = proposal.record(Outcome.DUPLICATE)
            self.finish(copy.model_copy(update={"duplicate_of": earlier, "reason": f"equal to trial {earlier}"}))
            return None
        rungs = self._rungs.get(trial.number, {})
        record = proposal.record(Outcome.RUNNING).model_copy(update={"rungs": rungs})
        self._study.write(record)
        self._started[request.arm] += 1
        self._live[trial.number] = proposal
        self._observer.trial_started(self._study.record(proposal.number))  # with its choices
        return proposal

    def _earlier(self, proposal: Proposal) -> int:
        """Return the trial that makes a proposal needless, or the proposal's own, which is remembered."""
        number, design, request = proposal.number, proposal.design.architecture.id, proposal.request
        if request.arm.outside:
            return number
        first = self._numbers.setdefault(design, number)
        same = self._seeded.setdefault((design, request.seed), number)
        match request.arm:
            case Arm.SEARCH:
                return first
            case Arm.SWAP:
                return same
            case _:
                return number
