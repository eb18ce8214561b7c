"""Rank correlation of scores with accuracy, compared with that of parameters and FLOPs."""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from sasa_nas.analysis.rank_correlation import (
    FEWEST,
    Difference,
    RankCorrelation,
    rank_correlation,
    rank_correlations,
    rank_difference,
)
from sasa_nas.errors import UserError
from sasa_nas.objectives import OBJECTIVES
from sasa_nas.run import RunInfo, TrialRecord
from sasa_nas.run.designs import designs
from sasa_nas.scoring import SCORES
from sasa_nas.space.files import validate_space

SIZES = ("params", "flops")
"""Counts whose correlation a useful score must exceed."""


class SizeQuality(BaseModel):
    """Rank correlation of a count with accuracy.

    Attributes:
        name: `params` or `flops`.
        correlation: Correlation with the trained accuracy; None if all networks have the same count.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    correlation: RankCorrelation | None


class ScoreQuality(BaseModel):
    """Rank correlation of a score with accuracy.

    Attributes:
        name: Name of the score.
        correlation: Correlation with the trained accuracy; None if there is none.
        beyond: Difference of its tau and that of each size, on the networks that have the score.
        useful: Whether it exceeds both significantly: the intervals lie above zero.
        verdict: The same in a few words.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    correlation: RankCorrelation | None
    beyond: dict[str, Difference | None]
    useful: bool
    verdict: str


class ScoresReport(BaseModel):
    """The data printed by `sasa-nas scores --json`.

    Attributes:
        space: Name of the search space.
        dataset: Name of the data set.
        networks: Number of networks trained to the end, which are compared.
        scores: One entry for each score of the run's networks.
        sizes: Parameters and FLOPs, for comparison.
    """

    model_config = ConfigDict(frozen=True)

    space: str
    dataset: str
    networks: int
    scores: list[ScoreQuality]
    sizes: list[SizeQuality]


def latency_against_flops(records: Sequence[TrialRecord]) -> RankCorrelation | None:
    """Compute the rank correlation of FLOPs with latency over all networks that have both, trained or not.

    Returns:
        The correlation; None if too few networks have a latency.
    """
    both = {r.architecture_id: r for r in records if r.latency is not None and r.flops}
    flops = [float(record.flops or 0) for record in both.values()]
    return rank_correlation(flops, [record.latency or 0.0 for record in both.values()])


def judge_scores(info: RunInfo, records: Sequence[TrialRecord]) -> ScoresReport:
    """Compute Kendall's tau of each score, of parameters and of FLOPs, with the accuracy of the trained networks.

    Raises:
        UserError: If no trained network has a score, or too few are trained for a correlation.
    """
    networks = designs(records)
    if not score_names(networks):
        raise UserError(f"no network of this run has scores; search with --scores {','.join(SCORES)} or --one-shot")
    if len(networks) < FEWEST:
        raise UserError(f"{len(networks)} networks of this run are trained; correlations need {FEWEST} at least")
    space = validate_space(info.space, "run.json: space")
    correlations = rank_correlations(_sizes(networks), [record.accuracy or 0.0 for record in networks])
    return ScoresReport(
        space=space.name,
        dataset=space.proxy.dataset,
        networks=len(networks),
        scores=score_qualities(records),
        sizes=[SizeQuality(name=name, correlation=correlations.get(name)) for name in SIZES],
    )


def score_qualities(records: Sequence[TrialRecord]) -> list[ScoreQuality]:
    """Return the quality of each score of a run's trained networks; none if there are too few networks."""
    networks = designs(records)
    if len(networks) < FEWEST:
        return []
    accuracy, sizes = [record.accuracy or 0.0 for record in networks], _sizes(networks)
    return [_judge(name, networks, accuracy, sizes) for name in score_names(networks)]


def score_names(records: Sequence[TrialRecord]) -> list[str]:
    """Return the names of the scores in records, in order of first appearance."""
    return list(dict.fromkeys(score for record in records for score in record.scores))


def _sizes(networks: Sequence[TrialRecord]) -> dict[str, list[float]]:
    return {name: [float(getattr(record, name) or 0) for record in networks] for name in SIZES}


def _judge(
    name: str, networks: Sequence[TrialRecord], accuracy: Sequence[float], sizes: dict[str, list[float]]
) -> ScoreQuality:
    values = [record.scores.get(name, float("nan")) for record in networks]
    correlation = rank_correlation(values, accuracy)
    beyond = {size: rank_difference(values, counts, accuracy) for size, counts in sizes.items()}
    worse = [size for size, gain in beyond.items() if gain is None or gain.low <= 0]
    useful = correlation is not None and correlation.low > 0 and not worse
    if correlation is None:
        verdict = "no correlation: too few networks, or all alike"
    elif useful:
        verdict = "better than counting parameters or FLOPs"
    elif worse:
        verdict = f"no better than counting {' or '.join(OBJECTIVES[size].title for size in worse)}"
    else:
        verdict = "no better than chance"
    return ScoreQuality(name=name, correlation=correlation, beyond=beyond, useful=useful, verdict=verdict)
