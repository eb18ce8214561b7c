"""Results of a retraining: the front with error bars, and the rank correlation of the proxy."""

import math
import statistics
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from sasa_nas.analysis import student
from sasa_nas.analysis.pareto import pareto_front
from sasa_nas.analysis.rank_correlation import (
    FEWEST,
    Difference,
    RankCorrelation,
    rank_correlations,
    rank_difference,
)
from sasa_nas.objectives import OBJECTIVES
from sasa_nas.run import RunError, RunFolder, TrainingFolder, TrialRecord, read_result
from sasa_nas.run.designs import designs
from sasa_nas.run.retraining_records import RetrainedDesign, RetrainingInfo, Size, read_retraining
from sasa_nas.run.training_records import TrainingResult

CONFIDENCE = 0.95


class SeedMean(BaseModel):
    """Mean of a share over several seeds.

    Attributes:
        mean: Mean over the seeds.
        low: Lower end of the 95 % interval of the mean by Student's t, no lower than 0; None for one seed.
        high: Upper end, no higher than 1.
        values: The value of each seed.
    """

    model_config = ConfigDict(frozen=True)

    mean: float
    low: float | None
    high: float | None
    values: tuple[float, ...]


class RetrainedNetwork(BaseModel):
    """One network that was trained in full.

    Attributes:
        trial: Number of the trial in the run.
        architecture_id: The id of the network trained here.
        stem: Kind of the stem.
        operators: Kind of operator of each stage.
        flops: FLOPs of one image, two per multiply-accumulate, at the size trained here.
        params: Parameters at the size trained here.
        proxy_accuracy: Accuracy in the search, on the proxy's validation part.
        validation: Accuracy on the validation part.
        test: Accuracy on the test part, which no choice was based on.
        on_front: Whether no other network here is as cheap and, by its mean on the validation part, as accurate.
    """

    model_config = ConfigDict(frozen=True)

    trial: int
    architecture_id: str
    stem: str | None
    operators: list[str]
    flops: int
    params: int
    proxy_accuracy: float
    validation: SeedMean
    test: SeedMean
    on_front: bool


class Retrained(BaseModel):
    """The data printed by `sasa-nas retrain --json`.

    Attributes:
        name: Name of the retraining.
        size: Width and depth of the networks.
        dataset: Name of the data set.
        epochs: Epochs of each training.
        seeds: Seeds of each network.
        wanted: Number of networks to train.
        networks: Those of them that are trained with all seeds, cheapest first.
        correlations: Kendall's tau with the mean accuracy on the test part, by predictor: `proxy_accuracy`, `flops`,
            `params`; without those that have no correlation.
        gain: Difference of the proxy's tau and that of the better of `flops` and `params`.
        rival: The better of the two.
        proxy_loses: Whether `rival` sorts the networks better than the proxy did; None if unknown.
        verdict: Summary in a sentence or two.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    size: Size
    dataset: str
    epochs: int
    seeds: int
    wanted: int
    networks: list[RetrainedNetwork]
    correlations: dict[str, RankCorrelation]
    gain: Difference | None
    rival: str | None
    proxy_loses: bool | None
    verdict: str


def summarise_retraining(folder: RunFolder, name: str, records: Sequence[TrialRecord]) -> Retrained:
    """Summarise the results of a retraining so far.

    Args:
        folder: Folder of the run.
        name: Name of the retraining.
        records: The run's trials.

    Raises:
        RunError: If there is no such retraining, or its files are damaged.
    """
    place = folder.retraining(name)
    info = read_retraining(place)
    known = {record.number: record for record in [*records, *designs(records)]}
    done = [
        (design, known[design.trial], _validated(place.network(design.trial)))
        for design in info.designs
        if design.trial in known and place.network(design.trial).result.is_file()
    ]
    front = _front(done)
    networks = [_network(design, record, result, design.trial in front) for design, record, result in done]
    return _judged(info, name, networks, _is_chain(networks))


def _validated(folder: TrainingFolder) -> TrainingResult:
    """Return the result of a network's training.

    Raises:
        RunError: If it cannot be read, or has no validation part, by which networks are compared.
    """
    result = read_result(folder)
    if result.validation is None:
        raise RunError(f"{folder.result}: validation: is missing, and retrained networks are compared by it")
    return result


def _front(done: Sequence[tuple[RetrainedDesign, TrialRecord, TrainingResult]]) -> set[int]:
    """Return the trials on the front of the retrained networks, by the validation part."""
    retrained = [
        record.model_copy(update={"accuracy": statistics.fmean(result.validation_accuracies), "flops": design.flops})
        for design, record, result in done
    ]
    return {record.number for record in pareto_front(retrained)}


def _network(design: RetrainedDesign, record: TrialRecord, result: TrainingResult, on_front: bool) -> RetrainedNetwork:
    architecture = record.architecture
    return RetrainedNetwork(
        trial=design.trial,
        architecture_id=result.architecture_id,
        stem=architecture.stem.kind if architecture else None,
        operators=[stage.operator.kind for stage in architecture.stages] if architecture else [],
        flops=design.flops,
        params=design.params,
        proxy_accuracy=record.accuracy if record.accuracy is not None else math.nan,
        validation=seed_mean(result.validation_accuracies),
        test=seed_mean([seed.test.accuracy for seed in result.seeds]),
        on_front=on_front,
    )


def seed_mean(values: Sequence[float]) -> SeedMean:
    """Return the mean of a share over seeds, with its interval if there are two or more.

    Args:
        values: One value per seed, in [0, 1].
    """
    mean = statistics.fmean(values)
    if len(values) < 2:
        return SeedMean(mean=mean, low=None, high=None, values=tuple(values))
    quantile = student.quantile(0.5 + CONFIDENCE / 2, len(values) - 1)
    half = quantile * statistics.stdev(values) / math.sqrt(len(values))
    return SeedMean(mean=mean, low=max(0.0, mean - half), high=min(1.0, mean + half), values=tuple(values))


def _is_chain(networks: Sequence[RetrainedNetwork]) -> bool:
    """Return True if the proxy's accuracies rise with the FLOPs, as on a front, so that both sort alike."""
    accuracies = [network.proxy_accuracy for network in networks]
    return accuracies == sorted(accuracies)


def _judged(info: RetrainingInfo, name: str, networks: list[RetrainedNetwork], chain: bool) -> Retrained:
    truth = [network.test.mean for network in networks]
    predictors = {
        "proxy_accuracy": [network.proxy_accuracy for network in networks],
        "flops": [float(network.flops) for network in networks],
        "params": [float(network.params) for network in networks],
    }
    correlations = rank_correlations(predictors, truth)
    rivals = [(correlations[rival].tau, rival) for rival in ("params", "flops") if rival in correlations]
    proxy = correlations.get("proxy_accuracy")
    gain = rival = loses = None
    if len(networks) < FEWEST:
        verdict = (
            f"{len(networks)} networks are too few to judge the proxy by; "
            f"from {FEWEST} on it is compared with counting parameters and FLOPs."
        )
    elif proxy is None or not rivals:
        verdict = "All networks tie, so that nothing can be said of the proxy."
    else:
        tau, rival = max(rivals)
        gain = rank_difference(predictors["proxy_accuracy"], predictors[rival], truth)
        loses = proxy.tau < tau
        verdict = _verdict(proxy.tau, tau, rival, gain, chain)
    return Retrained(
        name=name,
        size=info.size,
        dataset=info.settings.dataset,
        epochs=info.settings.recipe.epochs,
        seeds=len(info.settings.seeds),
        wanted=len(info.designs),
        networks=networks,
        correlations=correlations,
        gain=gain,
        rival=rival,
        proxy_loses=loses,
        verdict=verdict,
    )


def _verdict(proxy: float, tau: float, rival: str, gain: Difference | None, chain: bool) -> str:
    counting = f"counting {OBJECTIVES[rival].title}"
    if proxy < tau:
        word = f"The proxy loses to {counting}"
    elif proxy > tau:
        word = f"The proxy sorts the networks better than {counting}"
    else:
        word = f"The proxy sorts the networks no better than {counting}"
    text = f"{word}: tau {proxy:.2f} against {tau:.2f}."
    if gain is not None:
        sure = "excludes" if gain.low > 0.0 or gain.high < 0.0 else "includes"
        text += f" The 95% interval of the difference, {gain.low:.2f} to {gain.high:.2f}, {sure} zero."
    if chain:
        text += (
            " On a front accuracy rises with FLOPs by its very definition, so that here the proxy could not have done "
            "better than counting them: add networks from off the front (--sample 10) to judge it."
        )
    return text
