"""Measurements of trials beside their accuracy: the request, and the results."""

from pydantic import BaseModel, ConfigDict

from sasa_nas.nodes import Reference
from sasa_nas.objectives import OBJECTIVES
from sasa_nas.run import Arm, SearchSettings, TrialRecord
from sasa_nas.run.records import PositiveFloat
from sasa_nas.searching.plan import SearchPlan


class MeasurementRequest(BaseModel):
    """Measurements that every design of a search needs.

    Attributes:
        measured: Objectives that are measured, by name.
        max_latency: Seconds beyond which it is not trained.
        scores: Names of the training-free scores to compute.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    measured: tuple[str, ...] = ()
    max_latency: float | None = None
    scores: tuple[str, ...] = ()

    @staticmethod
    def of(plan: SearchPlan, arm: Arm) -> "MeasurementRequest":
        """Return the measurements that a search needs of networks of an arm; limits hold for those of the space."""
        most = None if arm.outside else plan.space.limits.max_latency
        wanted = (*plan.settings.objectives, *(("latency",) if most is not None else ()))
        measured = (row.name for row in OBJECTIVES.values() if row.measured_by is not None and row.name in wanted)
        return MeasurementRequest(measured=tuple(measured), max_latency=most, scores=wanted_scores(plan.settings))

    def measurements(self, known: str) -> list[Reference]:
        """Return the functions that measure objectives which are `known` at a time, as `Objective` has it."""
        rows = (OBJECTIVES[name] for name in self.measured)
        return [row.measured_by for row in rows if row.known == known]


class Measurements(BaseModel):
    """Results of measurements; fields as those of `TrialRecord`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    latency: PositiveFloat | None = None
    latency_quartiles: tuple[PositiveFloat, PositiveFloat] | None = None
    robust_accuracy: float | None = None
    scores: dict[str, float] = {}

    def added_to(self, record: TrialRecord) -> TrialRecord:
        """Return the record with what was found out."""
        return record.model_copy(update={name: getattr(self, name) for name in type(self).model_fields})


def wanted_scores(settings: SearchSettings) -> tuple[str, ...]:
    """Return the scores that designs are given: those asked for, and the filter's."""
    extra = () if settings.score_filter in (None, *settings.scores) else (settings.score_filter,)
    return (*settings.scores, *extra)


def too_slow(found: Measurements, request: MeasurementRequest) -> str | None:
    """Return the reason why a design is not to be trained, in one line; None if it is."""
    if found.latency is None or request.max_latency is None or found.latency <= request.max_latency:
        return None
    return f"{found.latency:.3g} seconds an image exceed max_latency={request.max_latency:g}"
