"""Quality of a table: reliability of its trainings, their time, and how far its networks lie apart."""

import statistics
from dataclasses import asdict
from typing import Any

import numpy as np

from sasa_nas.surrogate.factors import Vector
from sasa_nas.table.reliability import (
    Consistency,
    Reliability,
    estimate_consistency,
    estimate_reliability,
    final_accuracies,
    final_losses,
)
from study.tables import Studied


def table_quality(studied: Studied) -> dict[str, Any]:
    """Return what a reader of a table's figures should know of it."""
    table = studied.table
    losses = final_losses(table)
    seeds = len(table.info.seeds)
    loss = None if losses is None else estimate_reliability(losses)
    return {
        "networks": len(table.rows),
        "trainings": studied.noise.trainings,
        "repeated_networks": int((studied.counts > 1).sum()),
        "seeds": seeds,
        "epochs": table.info.epochs,
        "train_images": table.info.train_images,
        "validation_images": table.info.validation_images,
        "device": table.info.device,
        "median_seconds": statistics.median(seconds for row in table.rows for seconds in row.seconds),
        "mean_accuracy": {"least": float(studied.means.min()), "most": float(studied.means.max())},
        "tau_of_truth": {
            "tau": truth_tau(studied.noise.single, studied.counts),
            "low": truth_tau(studied.noise.low, studied.counts),
            "high": truth_tau(studied.noise.high, studied.counts),
        },
        "accuracy": _told(studied.noise, estimate_consistency(final_accuracies(table)), seeds),
        "validation_loss": None if losses is None or loss is None else _told(loss, estimate_consistency(losses), seeds),
    }


def truth_tau(single: float, counts: Vector) -> float:
    """Return the tau that networks' true accuracies are expected to have with the means of their trainings.

    It is what a perfect predictor would reach in a table. Of two networks, the difference of the means correlates with
    that of the true values by rho, and has its sign with probability `1/2 + arcsin(rho) / pi` if both are normal
    (Greiner 1909; Kendall 1949, "Rank and product-moment correlation", Biometrika 36).

    Args:
        single: Reliability of one training.
        counts: (N,), trainings of each network.
    """
    if single == 1.0:
        return 1.0
    ratio = single / (1.0 - single)
    noise = 1.0 / counts
    first, second = np.triu_indices(len(counts), k=1)
    correlations = np.sqrt(2.0 * ratio / (2.0 * ratio + noise[first] + noise[second]))
    return float((2.0 / np.pi * np.arcsin(correlations)).mean())


def _told(found: Reliability, paired: Consistency | None, seeds: int) -> dict[str, Any]:
    return {
        "reliability": found.single,
        "low": found.low,
        "high": found.high,
        "reliability_of_mean": found.of_mean(seeds),
        "sd_between_networks": found.between,
        "sd_between_seeds": found.within,
        "tau_between_seeds": found.tau,
        "among_one_seed": None if paired is None else asdict(paired),
    }
