"""Optuna's samplers, as a search uses them."""

import warnings

from optuna.exceptions import ExperimentalWarning
from optuna.samplers import (
    BaseSampler,
    GPSampler,
    NSGAIIISampler,
    NSGAIISampler,
    RandomSampler,
)

from sasa_nas.run.records import Sampler
from sasa_nas.searching.propose.tpe import RememberingTPE

POPULATION = 16
"""Designs of one generation of the evolutionary samplers; searches here have tens to hundreds of trials, not the
thousands that Optuna's default of 50 is made for."""


def make_sampler(name: Sampler, *, seed: int, startup: int) -> BaseSampler:
    """A sampler for several objectives and conditional parameters.

    Args:
        name: Which.
        seed: Fixes its proposals.
        startup: Trials whose results it waits for before it learns from them; until then it draws at random.
    """
    with warnings.catch_warnings():
        # `group`, which handles conditional parameters, and the Gaussian process are called experimental
        warnings.simplefilter("ignore", ExperimentalWarning)
        match name:
            case "tpe":
                return RememberingTPE(seed=seed, startup=startup)
            case "nsga2":
                return NSGAIISampler(seed=seed, population_size=POPULATION)
            case "nsga3":
                return NSGAIIISampler(seed=seed, population_size=POPULATION)
            case "gp":
                return GPSampler(seed=seed, n_startup_trials=startup, deterministic_objective=False)
            case "random":
                return RandomSampler(seed=seed)
