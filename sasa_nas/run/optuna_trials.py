"""Trials as Optuna has them: made from those that a run keeps, and the other way round."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from sasa_nas.run.outcomes import Outcome
from sasa_nas.run.records import TrialRecord
from sasa_nas.run.stored_trial import Label, Numbers, Sampling, StoredTrial, record_data

RECORD = "record"
"""The user attribute that holds a trial's record, for people and dashboards."""
CONSTRAINTS = "constraints"
"""The user attribute that holds a trial's constraints by name."""

STATES = {
    Outcome.WAITING: TrialState.WAITING,
    Outcome.RUNNING: TrialState.RUNNING,
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
"""State of an Optuna trial of the space for each outcome."""


def state_of(record: TrialRecord) -> TrialState:
    """Return the state of a record's Optuna trial; of a trained network outside the space, one that is on no front."""
    state = STATES[record.outcome]
    return TrialState.PRUNED if record.arm.outside and state is TrialState.COMPLETE else state


def attributes(record: TrialRecord) -> dict[str, Any]:
    """Return the user attributes that show a record: one, because each is a write of its own."""
    return {RECORD: record_data(record)}


def sampling_of(trial: FrozenTrial, constraints: Mapping[str, float]) -> Sampling:
    """Return what samplers must know of a trial.

    Args:
        trial: Optuna's record of the trial.
        constraints: Its constraints by name.
    """
    return Sampling(
        options={name: _options(distribution) for name, distribution in trial.distributions.items()},
        constraints=dict(constraints),
        attributes=trial.system_attrs,
        begun=_aware(trial.datetime_start),
        ended=_aware(trial.datetime_complete),
    )


def distributions(sampling: Sampling) -> dict[str, BaseDistribution]:
    """Return what a trial's choices were drawn from, by name."""
    return {name: _distribution(options) for name, options in sampling.options.items()}


def frozen_of(stored: StoredTrial, values: Sequence[float] | None) -> FrozenTrial:
    """Return a finished trial for a study to add.

    Args:
        stored: The trial.
        values: Objectives of the trial, if it was trained to the end.

    Raises:
        ValueError: If its choices are none of those that it had, or objectives are missing.
    """
    sampling = stored.sampling
    trial = create_trial(
        state=state_of(stored.record),
        values=values,
        params={name: stored.record.choices[name] for name in sampling.options},
        distributions=distributions(sampling),
        user_attrs=attributes(stored.record) | ({CONSTRAINTS: sampling.constraints} if sampling.constraints else {}),
        system_attrs=sampling.attributes,
    )
    trial.datetime_start = _naive(sampling.begun) or trial.datetime_start
    trial.datetime_complete = _naive(sampling.ended) or trial.datetime_complete
    return trial


def _options(distribution: BaseDistribution) -> tuple[Label, ...] | Numbers:
    match distribution:
        case CategoricalDistribution():
            return tuple(distribution.choices)
        case IntDistribution() | FloatDistribution():
            return Numbers(low=distribution.low, high=distribution.high, step=distribution.step or 0)
        case _:
            raise ValueError(f"{type(distribution).__name__} is no distribution of a search")


def _distribution(options: tuple[Label, ...] | Numbers) -> BaseDistribution:
    if not isinstance(options, Numbers):
        return CategoricalDistribution(options)
    low, high, step = options.low, options.high, options.step
    if isinstance(low, int) and isinstance(high, int) and isinstance(step, int):
        return IntDistribution(low, high, step=step)
    return FloatDistribution(low, high, step=step or None)


def _aware(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.astimezone()


def _naive(moment: datetime | None) -> datetime | None:
    """Return a moment as Optuna has it: of local time, without saying so."""
    return None if moment is None else moment.astimezone().replace(tzinfo=None)
