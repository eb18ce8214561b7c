"""Optuna's tree-structured Parzen estimator, which remembers from one proposal to the next what does not change.

A space with conditional parameters falls into dozens of groups of parameters that come and go together. For each of
them, and for each proposal, Optuna ranks all trials anew and translates all their parameters anew: a fifth of a second
after a few hundred trials. Here trials are ranked once a proposal, and a finished trial is translated once. The
proposals are the same to the last digit, which tests hold against Optuna's own, until more than `MOST_OTHERS` trials
are finished and not good: of these only the newest count from then on, so that proposals stay about as fast. Optuna
weighs older ones less anyway. The good ones, a tenth, are found among all.
"""

from bisect import insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution
from optuna.samplers import TPESampler
from optuna.samplers._tpe.sampler import (
    _get_infeasible_trial_score,
    _split_complete_trials,
    _split_infeasible_trials,
    _split_pruned_trials,
    default_gamma,
    default_gamma_multiobjective,
)
from optuna.search_space.group_decomposed import _GroupDecomposedSearchSpace, _SearchSpaceGroup
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

MOST_OTHERS = 1000
"""Finished trials that are not good from which the sampler learns what to stay away from."""
_FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)


def _number(trial: FrozenTrial) -> int:
    return trial.number


class _Ends:
    """Tells which trials of a study have ended since it was last asked."""

    def __init__(self) -> None:
        self.open: list[int] = []
        """Numbers of those that had not ended then."""
        self._seen = 0

    def new(self, trials: list[FrozenTrial]) -> list[FrozenTrial]:
        """Return those complete or pruned that were not returned before.

        Args:
            trials: All of the study, by number.
        """
        candidates = [trials[number] for number in (*self.open, *range(self._seen, len(trials)))]
        self.open = [trial.number for trial in candidates if not trial.state.is_finished()]
        self._seen = len(trials)
        return [trial for trial in candidates if trial.state in _FINISHED]


class _Trials(list[FrozenTrial]):
    """Trials in the order of their numbers, which are at hand as an array."""

    def __init__(self, trials: Iterable[FrozenTrial]) -> None:
        super().__init__(sorted(trials, key=_number))
        self.numbers = np.array([trial.number for trial in self], dtype=np.intp)


@dataclass(frozen=True)
class _Division:
    """The trials as they are for the whole of one proposal.

    Attributes:
        number: Of the trial that is proposed.
        finished: How many trials are complete or pruned.
        good: Those to come near to.
        others: The newest of the rest, and those under way.
    """

    number: int
    finished: int
    good: _Trials
    others: _Trials


class RememberingTPE(TPESampler):
    """Optuna's sampler for conditional parameters (`multivariate` and `group`), for one study whose trials it sees end.

    Args:
        seed: Fixes its proposals.
        startup: Trials whose results it waits for; until then it draws at random.
    """

    def __init__(self, *, seed: int, startup: int) -> None:
        super().__init__(seed=seed, n_startup_trials=startup, multivariate=True, group=True)
        self._group_decomposed_search_space = _KnownGroups()
        self._division: _Division | None = None
        self._ends = _Ends()
        self._complete: list[FrozenTrial] = []
        """By number, as the next two."""
        self._pruned: list[FrozenTrial] = []
        self._infeasible: list[FrozenTrial] = []
        self._columns: dict[tuple[str, ...], _Columns] = {}

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        """Forget how the trials are divided, now that another one has ended."""
        self._division = None
        super().after_trial(study, trial, state, values)

    def _sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Values for the parameters of one group; none as long as too few trials are finished."""
        if not search_space or self._divided(study, trial).finished < self._n_startup_trials:
            return {}
        return self._sample(study, trial, search_space)

    def _sample(self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]) -> dict[str, Any]:
        """Values for the parameters of one group: the candidate that good trials are likeliest to have."""
        division = self._divided(study, trial)
        good = self._build_parzen_estimator(study, search_space, division.good, handle_below=True)
        others = self._build_parzen_estimator(study, search_space, division.others, handle_below=False)
        candidates = good.sample(self._rng.rng, self._n_ei_candidates)
        best = self._compare(candidates, self._compute_acquisition_func(candidates, good, others))
        return {name: distribution.to_external_repr(best[name]) for name, distribution in search_space.items()}

    def _divided(self, study: Study, trial: FrozenTrial) -> _Division:
        if self._division is None or self._division.number != trial.number:
            self._division = self._divide(study, trial.number)
        return self._division

    def _divide(self, study: Study, number: int) -> _Division:
        """Divide the trials as Optuna does; a trial that has ended is looked at once."""
        trials = study._get_trials(deepcopy=False, use_cache=False)
        for trial in self._ends.new(trials):
            if _get_infeasible_trial_score(trial) > 0:
                kind = self._infeasible
            else:
                kind = self._complete if trial.state == TrialState.COMPLETE else self._pruned
            insort(kind, trial, key=_number)
        complete, pruned, infeasible = self._complete, self._pruned, self._infeasible
        finished = len(complete) + len(pruned) + len(infeasible)
        gamma = default_gamma if len(study.directions) == 1 else default_gamma_multiobjective
        wanted = gamma(finished)
        good: list[FrozenTrial] = []
        others: list[FrozenTrial] = []
        for below, above in (
            _split_complete_trials(complete, study, wanted),
            _split_pruned_trials(pruned, study, max(0, wanted - len(complete))),
            _split_infeasible_trials(infeasible, max(0, wanted - len(complete) - len(pruned))),
        ):
            good += below
            others += above
        newest = sorted(others, key=_number)[-MOST_OTHERS:]
        open_trials = (trials[other] for other in self._ends.open if other != number)
        running = [trial for trial in open_trials if trial.state == TrialState.RUNNING]
        return _Division(number, finished, _Trials(good), _Trials(newest + running))

    def _get_internal_repr(
        self, trials: list[FrozenTrial], search_space: dict[str, BaseDistribution], study: Study
    ) -> dict[str, NDArray[Any]]:
        """The parameters of a group, by name, of all trials that have them."""
        columns = self._columns.setdefault(tuple(search_space), _Columns(len(search_space)))
        numbers = (
            trials.numbers if isinstance(trials, _Trials) else np.array([trial.number for trial in trials], np.intp)
        )
        for place in columns.unknown(numbers):
            trial = trials[place]
            params = self._get_params(trial, study)
            row = None
            if search_space.keys() <= params.keys():
                row = [distribution.to_internal_repr(params[name]) for name, distribution in search_space.items()]
            columns.put(trial.number, row, final=trial.state.is_finished())
        return dict(zip(search_space, columns.rows(numbers).T, strict=True))


_UNKNOWN, _PRESENT, _ABSENT = range(3)


class _Columns:
    """The parameters of one group as Optuna computes with them, a row a trial.

    Args:
        width: Number of parameters.
    """

    def __init__(self, width: int) -> None:
        self._values = np.empty((0, width))
        self._state = np.empty(0, dtype=np.uint8)
        self._passing: list[int] = []
        """Trials under way, which may get more parameters."""

    def unknown(self, numbers: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return the places in `numbers` of the trials that must be put in before `rows` is asked for them."""
        room = int(numbers.max(initial=-1)) + 1 - len(self._state)
        if room > 0:
            room += len(self._state)  # twice the room, so that few copies are made
            self._values = np.pad(self._values, ((0, room), (0, 0)))
            self._state = np.pad(self._state, (0, room), constant_values=_UNKNOWN)
        self._state[self._passing] = _UNKNOWN
        self._passing = []
        return np.flatnonzero(self._state[numbers] == _UNKNOWN)

    def put(self, number: int, row: Sequence[float] | None, *, final: bool) -> None:
        """Put in a trial's row, or that it lacks some of the parameters.

        Args:
            number: The trial's.
            row: Its parameters, in order; None for a trial that lacks some.
            final: Whether they stay so.
        """
        self._state[number] = _ABSENT if row is None else _PRESENT
        if row is not None:
            self._values[number] = row
        if not final:
            self._passing.append(number)

    def rows(self, numbers: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return the rows of those trials of `numbers` that have all parameters, in their order."""
        found: NDArray[np.float64] = self._values[numbers[self._state[numbers] == _PRESENT]]
        return found


class _KnownGroups(_GroupDecomposedSearchSpace):
    """The groups of parameters that come and go together in finished trials; each trial is looked at once."""

    def __init__(self) -> None:
        super().__init__(include_pruned=True)
        self._ends = _Ends()
        self._known: set[frozenset[str]] = set()

    def calculate(self, study: Study, use_cache: bool = False) -> _SearchSpaceGroup:
        """The groups; whoever asks must leave them as they are."""
        for trial in self._ends.new(study._get_trials(deepcopy=False, use_cache=use_cache)):
            # parameters that came together before divide nothing further
            if (names := frozenset(trial.distributions)) not in self._known:
                self._known.add(names)
                self._search_space.add_distributions(trial.distributions)
        return self._search_space
