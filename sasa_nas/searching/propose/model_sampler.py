"""A sampler that proposes by a model of accuracy and counted costs: the candidate of most expected hypervolume gain.

What Optuna's samplers have to learn of costs, a candidate's count tells exactly. What is left is accuracy, of which the
model has a joint posterior of all networks: trained, under way or neither. A training under way counts as an incumbent
of uncertain accuracy, so that workers side by side do not all try the same.
"""

import random
from collections.abc import Container, Mapping, Sequence
from weakref import WeakKeyDictionary

import moocore
import numpy as np
from threadpoolctl import threadpool_limits

from sasa_nas.run import Outcome, TrialRecord
from sasa_nas.run.designs import trained as trained_of
from sasa_nas.searching.plan import SearchPlan
from sasa_nas.searching.propose.candidates import Candidates, CountedNetwork
from sasa_nas.searching.propose.hypervolume_gain import expected_gains
from sasa_nas.space.choosers import Label
from sasa_nas.surrogate.factors import Matrix
from sasa_nas.surrogate.posterior import coding_of, fit_trainings, log_costs

FEWEST = 4
"""Networks that must be trained before the model proposes."""
DRAWS = 256
"""Draws of all accuracies, over which gains are averaged."""


class ModelSampler:
    """Proposes designs by a model of accuracy and exact costs.

    Args:
        plan: Plan of a search whose objectives but for the accuracy are known with a design.
    """

    def __init__(self, plan: SearchPlan) -> None:
        self._plan = plan
        self._candidates = Candidates(plan)
        common = self._candidates.common
        columns, self._coding = coding_of([network.architecture for network in common], log_costs(common))
        self._columns = WeakKeyDictionary(zip(common, columns, strict=True))
        """Columns of each network in the model, as long as it is a candidate or a trial's."""
        self._networks: dict[int, CountedNetwork] = {}
        """Network of each trial, by its number."""

    def propose(self, records: Sequence[TrialRecord], seen: Container[str]) -> Mapping[str, Label] | None:
        """Return the choices that lead to the next design; None if too few networks are trained, or none is new.

        The same records lead to the same design. It is computed on one processor, because the model's matrices are too
        small for more, which would be taken from the trainings.

        Args:
            records: All trials so far.
            seen: Ids of the designs that are not new.
        """
        with threadpool_limits(limits=1, user_api="blas"):
            return self._best(records, seen)

    def _best(self, records: Sequence[TrialRecord], seen: Container[str]) -> Mapping[str, Label] | None:
        """Return the choices that lead to the design of most expected gain, as `propose` does."""
        records = [record for record in records if not record.arm.outside]
        trained, groups = self._trained(records)
        if len(trained) < FEWEST:
            return None
        model = fit_trainings(groups, self._coded(trained))
        seed = self._plan.settings.seed, len(records)
        losses = np.column_stack([-model.mean, _logs(trained)])
        front = moocore.is_nondominated(losses, keep_weakly=False)
        parents = [network.choices for network, kept in zip(trained, front, strict=True) if kept]
        candidates = [network for network in self._among(parents, seed) if network.id not in seen]
        if not candidates:
            return None
        incumbents = [*trained, *self._under_way(records, {network.id for network in trained})]
        networks = [*incumbents, *candidates]
        draws = model.draws(DRAWS, seed, self._coded(networks[len(trained) :]))
        costs = _logs(networks)
        # as the hypervolume of a run is measured, but that nothing below the floor counts
        corner = np.floor(costs.max(axis=0)) + 1.0
        least = max(self._plan.settings.accuracy_floor or 0.0, 1.0 / self._plan.data.num_classes)
        gains = expected_gains(draws, costs, corner, least, len(incumbents))
        accuracies = draws[:, len(incumbents) :].mean(axis=0)
        return candidates[int(np.lexsort([accuracies, gains])[-1])].choices

    def _trained(self, records: Sequence[TrialRecord]) -> tuple[list[CountedNetwork], list[list[TrialRecord]]]:
        """Return the trained networks, each once, and the trainings of each."""
        networks: dict[str, CountedNetwork] = {}
        groups: dict[str, list[TrialRecord]] = {}
        for record in trained_of(records):
            network = self._network(record)
            if network is not None:
                networks.setdefault(network.id, network)
                groups.setdefault(network.id, []).append(record)
        return list(networks.values()), list(groups.values())

    def _under_way(self, records: Sequence[TrialRecord], known: Container[str]) -> list[CountedNetwork]:
        """Return the networks under way, each once, but for those of which an earlier training is known."""
        running = (self._network(record) for record in records if record.outcome is Outcome.RUNNING)
        found = {network.id: network for network in running if network is not None}
        return [network for network in found.values() if network.id not in known]

    def _network(self, record: TrialRecord) -> CountedNetwork | None:
        if record.number not in self._networks and record.architecture is not None:
            objectives = self._plan.settings.objectives
            self._networks[record.number] = CountedNetwork.of(record, record.architecture, record.choices, objectives)
        return self._networks.get(record.number)

    def _among(self, parents: Sequence[Mapping[str, Label]], seed: tuple[int, int]) -> list[CountedNetwork]:
        """Return the candidates that there are when these designs are the front."""
        common = self._candidates.common
        if self._candidates.complete:
            return common
        near = self._candidates.near(parents, random.Random(str(seed)))
        known = {network.id for network in common}
        return [*common, *(network for network in near if network.id not in known)]

    def _coded(self, networks: Sequence[CountedNetwork]) -> Matrix:
        """Return columns of networks, of shape (N, p)."""
        new = [network for network in networks if network not in self._columns]
        if new:
            rows = self._coding.columns([network.architecture for network in new], log_costs(new))
            self._columns.update(zip(new, rows, strict=True))
        return np.array([self._columns[network] for network in networks])


def _logs(networks: Sequence[CountedNetwork]) -> Matrix:
    """Return the logarithms of networks' costs, of shape (N, objectives - 1)."""
    return np.array([network.logs for network in networks])
