"""A sampler that proposes by a model of accuracy: Thompson sampling of the gain in hypervolume.

What Optuna's samplers have to learn of costs, a candidate's count tells exactly. What is left is accuracy, of which the
model has a joint posterior of all networks, trained, under way or neither. Each proposal draws all their accuracies
once, and takes the candidate that adds most hypervolume if they were true. Draws differ, so that workers side by side
do not all train the same; a training under way counts with its drawn accuracy.

Sources: Thompson (1933), Biometrika 25; Bradford et al. (2018), Efficient multiobjective optimization employing
Gaussian processes, spectral sampling and a genetic algorithm (TSEMO), Journal of Global Optimization 71.
"""

import math
import random
from collections.abc import Container, Mapping, Sequence

import moocore
import numpy as np

from sasa_nas.run import Outcome, TrialRecord
from sasa_nas.run.designs import Designs
from sasa_nas.searching.plan import Design, SearchPlan
from sasa_nas.searching.propose.candidates import Candidates
from sasa_nas.searching.propose.score_filter import Candidate
from sasa_nas.space.choosers import Label
from sasa_nas.surrogate.factors import Matrix, Vector
from sasa_nas.surrogate.posterior import coding_of, fit_trainings, log_costs

FEWEST = 4
"""Networks that must be trained before the model proposes."""
DRAWS = 16
"""Draws of all accuracies, of which the first counts under which any candidate is a gain."""


class ModelSampler:
    """Proposes designs by a model of accuracy and exact costs.

    Args:
        plan: Plan of a search whose objectives but for the accuracy are known with a design.
    """

    def __init__(self, plan: SearchPlan) -> None:
        self._plan = plan
        self._costs = [name for name in plan.settings.objectives if name != "accuracy"]
        self._candidates = Candidates(plan)
        common = [candidate.design for candidate in self._candidates.common]
        columns, self._coding = coding_of([design.architecture for design in common], log_costs(common))
        self._columns = {design.architecture.id: row for design, row in zip(common, columns, strict=True)}
        """Columns of each network in the model, by its id."""
        self._logged: dict[str, list[float]] = {}
        """Logarithms of each network's objectives but the accuracy, by its id."""

    def propose(self, records: Sequence[TrialRecord], seen: Container[str]) -> Mapping[str, Label] | None:
        """Return the choices that lead to the next design; None if too few networks are trained, or none is new.

        The same records lead to the same design.

        Args:
            records: All trials so far.
            seen: Ids of the designs that are not new.
        """
        found = Designs(record for record in records if record.architecture is not None)
        trained = found.means()
        if len(trained) < FEWEST:
            return None
        known = {record.architecture_id for record in trained}
        running = {record.architecture_id: record for record in records if record.outcome is Outcome.RUNNING}
        under_way = [record for network, record in running.items() if network not in known]
        model = fit_trainings(found.groups(), self._coded(trained))
        seed = self._plan.settings.seed, len(records)
        kept = moocore.is_nondominated(_losses(model.mean, self._logs(trained)), keep_weakly=False)
        front = [record for record, keep in zip(trained, kept, strict=True) if keep]
        candidates = [c for c in self._among(front, seed) if c.design.architecture.id not in seen]
        if not candidates:
            return None
        designs = [candidate.design for candidate in candidates]
        incumbents = [*trained, *under_way]
        draws = model.draws(DRAWS, seed, self._coded([*under_way, *designs]))
        logs = self._logs([*incumbents, *designs])
        for draw in draws:
            losses = _losses(draw, logs)
            best = most_gain(losses[: len(incumbents)], losses[len(incumbents) :], self._corner(logs))
            if best is not None:
                return candidates[best].choices
        return candidates[int(draws[:, len(incumbents) :].mean(axis=0).argmax())].choices

    def _among(self, front: Sequence[TrialRecord], seed: tuple[int, int]) -> list[Candidate]:
        """Return the candidates that there are with this front."""
        common = self._candidates.common
        if self._candidates.complete:
            return common
        near = self._candidates.near([record.choices for record in front], random.Random(str(seed)))
        known = {candidate.design.architecture.id for candidate in common}
        return [*common, *(candidate for candidate in near if candidate.design.architecture.id not in known)]

    def _coded(self, networks: Sequence[Design | TrialRecord]) -> Matrix:
        """Return columns of networks, of shape (N, p)."""
        new = [n for n in networks if n.architecture is not None and n.architecture.id not in self._columns]
        architectures = [network.architecture for network in new if network.architecture is not None]
        if new:
            rows = self._coding.columns(architectures, log_costs(new))
            self._columns.update((each.id, row) for each, row in zip(architectures, rows, strict=True))
        return np.array([self._columns[n.architecture.id] for n in networks if n.architecture is not None])

    def _logs(self, networks: Sequence[Design | TrialRecord]) -> Matrix:
        """Return decimal logarithms of all objectives but the accuracy, of shape (N, objectives - 1)."""
        rows = []
        for network in networks:
            assert network.architecture is not None
            name = network.architecture.id
            if name not in self._logged:
                self._logged[name] = [math.log10(getattr(network, cost) or 1) for cost in self._costs]
            rows.append(self._logged[name])
        return np.array(rows)

    def _corner(self, logs: Matrix) -> Vector:
        """Return the losses that gains are measured from: guessing or the floor, and the next power of ten of costs."""
        least = max(self._plan.settings.accuracy_floor or 0.0, 1.0 / self._plan.data.num_classes)
        return np.array([-least, *(np.floor(logs.max(axis=0)) + 1.0)])


def _losses(accuracies: Vector, logs: Matrix) -> Matrix:
    """Return objectives, the smaller the better, the accuracy's first, of shape (N, objectives)."""
    return np.column_stack([-accuracies, logs])


def most_gain(incumbents: Matrix, candidates: Matrix, corner: Vector) -> int | None:
    """Return the candidate that adds most to the hypervolume of incumbents; None if none adds any.

    Args:
        incumbents: (N, objectives), losses, the smaller the better.
        candidates: (M, objectives), losses of networks of which one is to be chosen.
        corner: (objectives,), losses that the hypervolume is measured from.
    """
    front = incumbents[moocore.is_nondominated(incumbents, keep_weakly=False)]
    # one that another candidate dominates adds less than that one
    kept = moocore.is_nondominated(np.concatenate([front, candidates]), keep_weakly=False)[len(front) :]
    places = np.flatnonzero(kept & (candidates < corner).all(axis=1))
    if not len(places):
        return None
    volumes = [moocore.hypervolume(np.concatenate([front, candidates[[place]]]), ref=corner) for place in places]
    return int(places[int(np.argmax(volumes))])

