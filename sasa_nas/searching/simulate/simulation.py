"""Carries out a search without training: workers whose trainings are known beforehand, recorded or by a formula.

Time is counted in epochs: workers train side by side, and an epoch of any network takes as long as any other.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass

from sasa_nas.run import Outcome
from sasa_nas.searching.observer import EpochReport, SearchObserver
from sasa_nas.searching.plan import SearchPlan
from sasa_nas.searching.propose.proposal import Proposal, stop_reason
from sasa_nas.searching.propose.proposer import Proposer
from sasa_nas.synthetic import Course, planted

WORKERS = 4
"""Workers of a simulation, unless the settings say otherwise."""

Courses = Callable[[Proposal], Course]
"""Function that returns the course of a proposed training."""


def by_formula(plan: SearchPlan) -> Courses:
    """Return the trainings of a synthetic task.

    Raises:
        UserError: If the plan's data set is none.
    """
    formula = planted(plan.space.proxy.dataset)
    epochs = plan.space.proxy.recipe.epochs

    def course(proposal: Proposal) -> Course:
        design = proposal.design
        return formula.course(design.architecture, design.counts.flops(), proposal.request.seed, epochs)

    return course


@dataclass(order=True)
class _Running:
    """A training under way; the one whose next epoch ends first comes first."""

    time: int
    number: int
    proposal: Proposal
    course: Course
    epoch: int = 0


def simulate(
    proposer: Proposer, courses: Courses, *, workers: int, observer: SearchObserver, budget: int | None = None
) -> int:
    """Lets workers carry out what `proposer` proposes.

    Args:
        proposer: Proposer of a search by any plan.
        courses: Function that returns the course of a training.
        workers: Trainings side by side.
        observer: Observer of the search.
        budget: Epochs of all trainings together after which everything stops as it is.

    Returns:
        The epochs spent.
    """
    running: list[_Running] = []
    time = spent = 0
    observer.workers_ready(workers)
    while budget is None or spent < budget:
        while len(running) < workers and (proposal := proposer.propose()) is not None:
            heapq.heappush(running, _Running(time + 1, proposal.number, proposal, courses(proposal)))
        if not running:
            break
        training = heapq.heappop(running)
        time, training.epoch, spent = training.time, training.epoch + 1, spent + 1
        if _ends(proposer, training, observer):
            continue
        training.time += 1
        heapq.heappush(running, training)
    return spent


def _ends(proposer: Proposer, training: _Running, observer: SearchObserver) -> bool:
    """One epoch of a training, and whether it was the last."""
    course, epochs = training.course, len(training.course.accuracy)
    accuracy, loss = course.accuracy[training.epoch - 1], course.train_loss[training.epoch - 1]
    observer.epoch_ended(EpochReport(training.number, training.epoch, epochs, accuracy, loss))
    seconds = course.seconds * training.epoch / epochs
    record = training.proposal.record(Outcome.RUNNING).model_copy(update={"epochs": training.epoch, "seconds": seconds})
    if training.epoch == epochs:
        proposer.finish(record.model_copy(update={"outcome": Outcome.TRAINED, "accuracy": accuracy}))
        return True
    if proposer.goes_on(training.number, training.epoch, accuracy):
        return False
    proposer.finish(record.model_copy(update={"outcome": Outcome.STOPPED, "reason": stop_reason(training.epoch)}))
    return True
