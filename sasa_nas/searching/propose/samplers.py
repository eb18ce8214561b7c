"""Optuna's samplers, as a search uses them."""

import warnings
from collections.abc import Mapping, Sequence

from optuna.exceptions import ExperimentalWarning
from optuna.samplers import (
    BaseSampler,
    GPSampler,
    NSGAIIISampler,
    NSGAIISampler,
    RandomSampler,
    TPESampler,
)
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from sasa_nas.run.optuna_trials import CONSTRAINTS
from sasa_nas.run.records import Sampler

POPULATION = 16
"""Designs of one generation of the evolutionary samplers; searches here have tens to hundreds of trials, not the
thousands that Optuna's default of 50 is made for."""

_NAMED = hasattr(Trial, "set_constraint")
"""True if trials take constraints by name, as from Optuna 5 on; before, samplers ask a function for them."""


def constrain(trial: Trial, constraints: Mapping[str, float]) -> None:
    """Tell a trial under way by how much its design misses what is demanded.

    Args:
        trial: The trial.
        constraints: Violation of each constraint by name; feasible at 0 and below.
    """
    trial.set_user_attr(CONSTRAINTS, dict(constraints))
    if _NAMED:
        for name, excess in constraints.items():
            trial.set_constraint(name, excess)


def _constraints_of(trial: FrozenTrial) -> Sequence[float]:
    return list(trial.user_attrs.get(CONSTRAINTS, {}).values())


def make_sampler(name: Sampler, *, seed: int, startup: int) -> BaseSampler:
    """Return a sampler for several objectives and conditional parameters.

    Args:
        name: Name of the sampler.
        seed: Seed of its proposals.
        startup: Trials whose results it waits for before it learns from them; until then it draws at random.
    """
    asked = None if _NAMED else _constraints_of
    with warnings.catch_warnings():
        # `group`, which handles conditional parameters, and the Gaussian process are called experimental
        warnings.simplefilter("ignore", ExperimentalWarning)
        match name:
            case "tpe":
                return TPESampler(
                    seed=seed,
                    n_startup_trials=startup,
                    multivariate=True,
                    group=True,
                    constant_liar=True,
                    constraints_func=asked,
                )
            case "nsga2":
                return NSGAIISampler(seed=seed, population_size=POPULATION, constraints_func=asked)
            case "nsga3":
                return NSGAIIISampler(seed=seed, population_size=POPULATION, constraints_func=asked)
            case "gp":
                return GPSampler(
                    seed=seed, n_startup_trials=startup, deterministic_objective=False, constraints_func=asked
                )
            # the model's proposals come in line, once there are trainings to learn from
            case "random" | "model":
                return RandomSampler(seed=seed)


class NoSampler(RandomSampler):
    """The sampler of a study whose trials come from another one: it notes their constraints and proposes nothing."""

    def __init__(self) -> None:
        super().__init__(seed=0)
        self._noting = make_sampler("tpe", seed=0, startup=0)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        """Let Optuna note the constraints of a trial that ends, where it asks for them."""
        self._noting.after_trial(study, trial, state, values)
