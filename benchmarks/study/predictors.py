"""Rank correlation of costs, training-free scores and early epochs with true accuracy over a table."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from sasa_nas.analysis.rank_correlation import RankCorrelation, rank_correlation, rank_correlations
from study.tables import Studied

Scores = Mapping[str, Mapping[str, float]]
"""Training-free scores by network and name."""


def predictors(studied: Studied, scores: Scores) -> dict[str, RankCorrelation]:
    """Return Kendall's tau of each cost and score with the mean accuracy over all seeds of each network."""
    rows = studied.table.rows
    values: dict[str, Sequence[float]] = {
        "FLOPs": [row.flops for row in rows],
        "parameters": [row.params for row in rows],
    }
    latency = studied.latency
    if latency is not None:
        values["latency"] = latency.tolist()
    for name in dict.fromkeys(name for of_network in scores.values() for name in of_network):
        values[name] = [scores.get(row.architecture.id, {}).get(name, float("nan")) for row in rows]
    return rank_correlations(values, studied.means.tolist())


def shared_weights(one_shot: Mapping[str, Any]) -> dict[str, Any]:
    """Return the rows of a supernet from the results of `one_shot.py`: its tau, and that of a ridge at equal epochs.

    Args:
        one_shot: The results for one table.
    """
    rows = {f"one-shot supernet, seeds: {len(one_shot['seeds'])}": one_shot["one_shot"]}
    if one_shot["ridge"] is not None:
        rows["ridge on operators, as many epochs"] = one_shot["ridge"]
    return rows


def early_epochs(studied: Studied) -> dict[str, list[dict[str, Any] | None]]:
    """Return how well what one seed shows after each epoch sorts networks by the final accuracy of their other seeds.

    The truth is of other seeds so that both sides share no noise; that leaves out the networks with one training. Each
    seed is held against the others of its network in turn: told are the means over seeds of tau and of its interval's
    ends, which is the interval of one seed.

    Returns:
        For `accuracy`, and `validation_loss` where it is kept (the lower, the better), one entry an epoch; None where a
        tau has no value.
    """
    repeated = [row for row in studied.table.rows if len(row.seconds) > 1]
    seeds = range(max(len(row.seconds) for row in repeated))
    measures = {"accuracy": [row.accuracy for row in repeated]}
    losses = [row.validation_loss for row in repeated if row.validation_loss is not None]
    if len(losses) == len(repeated):
        measures["validation_loss"] = [tuple(tuple(-x for x in curve) for curve in curves) for curves in losses]
    found: dict[str, list[dict[str, Any] | None]] = {}
    for measure, shown in measures.items():
        found[measure] = []
        for epoch in range(studied.table.info.epochs):
            taus = []
            for seed in seeds:
                pairs = [
                    (curves[seed][epoch], statistics.fmean(c[-1] for i, c in enumerate(row.accuracy) if i != seed))
                    for row, curves in zip(repeated, shown, strict=True)
                    if seed < len(curves)
                ]
                taus.append(rank_correlation(*zip(*pairs, strict=True)))
            found[measure].append(_mean([tau for tau in taus if tau is not None]))
    return found


def _mean(taus: Sequence[RankCorrelation]) -> dict[str, Any] | None:
    if not taus:
        return None
    ends = {name: statistics.fmean(getattr(tau, name) for tau in taus) for name in ("tau", "low", "high")}
    return ends | {"networks": max(tau.n for tau in taus), "seeds": len(taus)}
