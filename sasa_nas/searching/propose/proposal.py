"""A design under way as a trial, and what the study is told when the trial is over."""

from dataclasses import dataclass, field

from sasa_nas.run import Outcome, TrialRecord
from sasa_nas.searching.measurements import Measurements
from sasa_nas.searching.plan import DESIGNED, Design, SearchPlan
from sasa_nas.searching.propose.requests import Request
from sasa_nas.searching.propose.study import SearchStudy


@dataclass(frozen=True)
class Proposal:
    """A design that is to be trained, its trial's number, and why and with which seed."""

    number: int
    design: Design
    request: Request
    findings: Measurements = field(default_factory=Measurements)

    def record(self, outcome: Outcome) -> TrialRecord:
        """Return the trial's record, as far as the design tells it."""
        record = TrialRecord(
            number=self.number,
            outcome=outcome,
            architecture=self.design.architecture,
            full_size=self.design.full_size,
            arm=self.request.arm,
            seed=self.request.seed,
            swap_of=self.request.swap_of,
            swapped_stage=self.request.swapped_stage,
            width_multiplier=self.request.width_multiplier,
        )
        record = record.model_copy(update={name: getattr(self.design, name) for name in DESIGNED})
        return self.findings.added_to(record)


def stop_reason(epoch: int) -> str:
    """Return the reason why a training was stopped after so many epochs."""
    return f"after {epoch} epoch{'s' if epoch > 1 else ''} others were better"


def tell_end(study: SearchStudy, plan: SearchPlan, record: TrialRecord) -> None:
    """Keep the end of a trial, and by how much it misses what is demanded, for the sampler to see."""
    constraints = study.trial(record.number).constraints
    most = plan.space.limits.max_latency
    if most is not None and record.latency is not None:  # by what share it is beyond the limit
        constraints["latency"] = record.latency / most - 1.0
    floor = plan.settings.accuracy_floor
    if floor is not None and record.accuracy is not None:
        constraints["accuracy_floor"] = floor - record.accuracy
    study.tell(record)
