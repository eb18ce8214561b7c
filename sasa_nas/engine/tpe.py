"""Optuna's tree-structured Parzen estimator, which remembers from one proposal to the next what does not change.

A space with conditional parameters falls into dozens of groups of parameters that come and go together. For each of
them, and for each proposal, Optuna ranks all trials anew and translates all their parameters anew: a fifth of a second
after a few hundred trials. Here trials are ranked once a proposal, and a finished trial is translated once. The
proposals are the same to the last digit, which tests hold against Optuna's own.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution
from optuna.samplers import TPESampler
from optuna.samplers._tpe.sampler import _split_trials, default_gamma, default_gamma_multiobjective
from optuna.search_space.group_decomposed import _GroupDecomposedSearchSpace, _SearchSpaceGroup
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

Internal = tuple[float, ...] | None
"""A trial's parameters of one group as Optuna computes with them; None for a trial that lacks some."""

_FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)


class RememberingTPE(TPESampler):
    """Optuna's sampler for conditional parameters (`multivariate` and `group`), for one study whose trials it sees end.

    Args:
        seed: Fixes its proposals.
        startup: Trials whose results it waits for; until then it draws at random.
    """

    def __init__(self, *, seed: int, startup: int) -> None:
        super().__init__(seed=seed, n_startup_trials=startup, multivariate=True, group=True)
        self._group_decomposed_search_space = _KnownGroups()
        self._split: tuple[tuple[int, int], list[FrozenTrial], list[FrozenTrial]] | None = None
        self._internal: dict[tuple[str, ...], dict[int, Internal]] = {}

    def _sample(self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]) -> dict[str, Any]:
        """Values for the parameters of one group: the candidate that good trials are likeliest to have."""
        below, above = self._divided(study, trial)
        good = self._build_parzen_estimator(study, search_space, below, handle_below=True)
        others = self._build_parzen_estimator(study, search_space, above, handle_below=False)
        candidates = good.sample(self._rng.rng, self._n_ei_candidates)
        best = self._compare(candidates, self._compute_acquisition_func(candidates, good, others))
        return {name: distribution.to_external_repr(best[name]) for name, distribution in search_space.items()}

    def _divided(self, study: Study, trial: FrozenTrial) -> tuple[list[FrozenTrial], list[FrozenTrial]]:
        """The good trials and the others, as they are for the whole of one proposal."""
        trials = study._get_trials(deepcopy=False, states=(*_FINISHED, TrialState.RUNNING), use_cache=False)
        finished = sum(other.state != TrialState.RUNNING for other in trials)
        moment = trial.number, finished
        if self._split is None or self._split[0] != moment:
            gamma = default_gamma if len(study.directions) == 1 else default_gamma_multiobjective
            others = [other for other in trials if other.number != trial.number]
            self._split = moment, *_split_trials(study, others, gamma(finished))
        return self._split[1:]

    def _get_internal_repr(
        self, trials: Sequence[FrozenTrial], search_space: dict[str, BaseDistribution], study: Study
    ) -> dict[str, NDArray[Any]]:
        """The parameters of a group, by name, of all trials that have them."""
        known = self._internal.setdefault(tuple(search_space), {})
        rows = []
        for trial in trials:
            if trial.number in known:
                row = known[trial.number]
            else:
                row = self._translated(trial, search_space, study)
                if trial.state.is_finished():
                    known[trial.number] = row
            if row is not None:
                rows.append(row)
        columns = zip(*rows, strict=True) if rows else ((),) * len(search_space)
        return {name: np.asarray(column) for name, column in zip(search_space, columns, strict=True)}

    def _translated(self, trial: FrozenTrial, search_space: dict[str, BaseDistribution], study: Study) -> Internal:
        params = self._get_params(trial, study)
        if not search_space.keys() <= params.keys():
            return None
        return tuple(distribution.to_internal_repr(params[name]) for name, distribution in search_space.items())


class _KnownGroups(_GroupDecomposedSearchSpace):
    """The groups of parameters that come and go together in finished trials; each trial is looked at once."""

    def __init__(self) -> None:
        super().__init__(include_pruned=True)
        self._looked_at: set[int] = set()
        self._known: set[frozenset[str]] = set()

    def calculate(self, study: Study, use_cache: bool = False) -> _SearchSpaceGroup:
        """The groups; whoever asks must leave them as they are."""
        for trial in study._get_trials(deepcopy=False, states=_FINISHED, use_cache=use_cache):
            if trial.number not in self._looked_at:
                self._looked_at.add(trial.number)
                names = frozenset(trial.distributions)
                # parameters that came together before divide nothing further
                if names not in self._known:
                    self._known.add(names)
                    self._search_space.add_distributions(trial.distributions)
        return self._search_space
