"""The data of a report, read from a run's folder."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sasa_nas.analysis.front_record import Front, summarise
from sasa_nas.analysis.history import HistoryPoint, hypervolume_history
from sasa_nas.analysis.pareto import expected_front
from sasa_nas.analysis.predictors import Predictor, correlate_predictors
from sasa_nas.analysis.rank_correlation import RankCorrelation
from sasa_nas.analysis.retrained import Retrained, summarise_retraining
from sasa_nas.analysis.score_quality import ScoreQuality, latency_against_flops, score_qualities
from sasa_nas.analysis.where import Where, where
from sasa_nas.run import Outcome, RunError, RunFolder, RunInfo, TrialRecord, read_info, read_trials
from sasa_nas.run.curves import Curve, read_curve
from sasa_nas.run.designs import Designs
from sasa_nas.run.retraining_records import list_retrainings
from sasa_nas.sharing import shareable, shareable_command
from sasa_nas.space import SearchSpace
from sasa_nas.space.files import validate_space
from sasa_nas.surrogate.posterior import Expectation, expectations


@dataclass(frozen=True)
class ReportData:
    """The data of a run that its report shows.

    Attributes:
        folder: Folder of the run.
        info: Record of the run.
        space: The search space.
        records: All trials, by number.
        front: The trained networks that no other dominates by expected accuracy, cheapest first.
        judged: The same, with the accuracies by which they are compared.
        summary: The front in numbers.
        expected: Expectations of the trained networks' accuracies by the trial's number; empty if these are too few.
        history: Growth of the hypervolume.
        curves: Learning curves by the trial's number.
        where: Effects of attention, or the reason why they cannot be estimated.
        predictors: Rank correlations of costs, designs and scores with accuracy.
        scores: Rank correlations of the scores, compared with those of parameters and FLOPs.
        latency: Rank correlation of FLOPs with latency; None if it was not measured.
        retrained: Results of the retrainings that have at least one network.
        notes: One line for each part of the run that could not be read.
    """

    folder: RunFolder
    info: RunInfo
    space: SearchSpace
    records: Sequence[TrialRecord]
    front: Sequence[TrialRecord]
    judged: Sequence[TrialRecord]
    summary: Front
    expected: Mapping[int, Expectation]
    history: Sequence[HistoryPoint]
    curves: Mapping[int, Curve]
    where: Where
    predictors: Sequence[Predictor]
    scores: Sequence[ScoreQuality]
    latency: RankCorrelation | None
    retrained: Sequence[Retrained]
    notes: Sequence[str]

    def command(self, record: TrialRecord) -> str | None:
        """Return the command that exports a network of the run; None if it was not trained to the end."""
        if record.outcome is not Outcome.TRAINED:
            return None
        # what was replayed from a table left no weights
        verb = "export" if self.info.table is None else "retrain"
        return shareable_command(shlex.join(["sasa-nas", verb, str(self.folder.path), "--trial", str(record.number)]))


def gather(folder: RunFolder) -> ReportData:
    """Read the data of a run, which may still be under way.

    A damaged file of a trial is left out and noted.

    Raises:
        UserError: If `folder` is no run's, or its run.json or trials cannot be read.
    """
    return assemble(folder, read_info(folder), read_trials(folder))


def assemble(folder: RunFolder, info: RunInfo, records: Sequence[TrialRecord]) -> ReportData:
    """Return the data of a run with these trials; their learning curves are read from its folder.

    Raises:
        UserError: If `info` holds no search space.
    """
    curves, notes = _curves(folder, records)
    retrained, more = _retrained(folder, records)
    found = Designs(records)
    seen = {network.number: network for network in found.means()}
    judged = expected_front(records)
    return ReportData(
        folder=folder,
        info=info,
        space=validate_space(info.space, f"{folder.info}: space"),
        records=records,
        front=[seen[network.number] for network in judged],
        judged=judged,
        summary=summarise(info, records),
        expected=expectations(found),
        history=hypervolume_history(records),
        curves=curves,
        where=where(info, records),
        predictors=correlate_predictors(records),
        scores=score_qualities(records),
        latency=latency_against_flops(records),
        retrained=retrained,
        notes=list(map(shareable, (*notes, *more))),
    )


def _curves(folder: RunFolder, records: Sequence[TrialRecord]) -> tuple[dict[int, Curve], list[str]]:
    curves: dict[int, Curve] = {}
    damaged: list[str] = []
    for record in records:
        try:
            curve = read_curve(folder, record)
        except RunError as error:
            damaged.append(str(error))
            continue
        if curve is not None:
            curves[record.number] = curve
    if len(damaged) > 1:
        damaged = [f"{damaged[0]} (and {len(damaged) - 1} more learning curves cannot be read)"]
    return curves, damaged


def _retrained(folder: RunFolder, records: Sequence[TrialRecord]) -> tuple[list[Retrained], list[str]]:
    found: list[Retrained] = []
    notes: list[str] = []
    for name in list_retrainings(folder):
        try:
            retrained = summarise_retraining(folder, name, records)
        except RunError as error:
            notes.append(str(error))
            continue
        if retrained.networks:
            found.append(retrained)
    return found, notes
