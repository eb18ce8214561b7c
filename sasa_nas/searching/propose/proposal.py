"""A design under way as a trial, and what the study is told when the trial is over."""

from dataclasses import dataclass, field

from optuna.trial import TrialState

from sasa_nas.run import Outcome, TrialRecord
from sasa_nas.searching.measurements import Measurements
from sasa_nas.searching.plan import DESIGNED, Design, SearchPlan
from sasa_nas.searching.propose.objective_values import values
from sasa_nas.searching.propose.requests import Request
from sasa_nas.searching.propose.study import SearchStudy

_STATES = {
    Outcome.TRAINED: TrialState.COMPLETE,
    # a cause that lies in the design is PRUNED, from which samplers learn; FAIL they ignore
    Outcome.STOPPED: TrialState.PRUNED,
    Outcome.DIVERGED: TrialState.PRUNED,
    Outcome.OUT_OF_MEMORY: TrialState.PRUNED,
    Outcome.TIMED_OUT: TrialState.PRUNED,
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
    findings: Measurements = field(default_factory=Measurements)

    def record(self, outcome: Outcome) -> TrialRecord:
        """The trial's record, as far as the design tells it."""
        record = TrialRecord(
            number=self.number,
            outcome=outcome,
            architecture=self.design.architecture,
            full_size=self.design.full_size,
            arm=self.request.arm,
            seed=self.request.seed,
            swap_of=self.request.swap_of,
            swapped_stage=self.request.swapped_stage,
        )
        record = record.model_copy(update={name: getattr(self.design, name) for name in DESIGNED})
        return self.findings.added_to(record)


def stop_reason(epoch: int) -> str:
    """Why a training was stopped after so many epochs."""
    return f"after {epoch} epoch{'s' if epoch > 1 else ''} others were better"


def tell_end(study: SearchStudy, plan: SearchPlan, record: TrialRecord) -> None:
    """Writes the end of a trial into the study, and by how much it misses what is demanded, for the sampler to see."""
    most = plan.space.limits.max_latency
    if most is not None and record.latency is not None:  # by what share it is beyond the limit
        study.trial(record.number).set_constraint("latency", record.latency / most - 1.0)
    floor = plan.settings.accuracy_floor
    if floor is not None and record.accuracy is not None:
        study.trial(record.number).set_constraint("accuracy_floor", floor - record.accuracy)
    found = values(record, plan.settings.objectives) if record.outcome is Outcome.TRAINED else None
    study.tell(record, _STATES[record.outcome], found)
