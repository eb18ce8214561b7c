"""A search's run: what it found, and all that can be done with it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from sasa_nas.analysis.front_record import Front, summarise
from sasa_nas.analysis.pareto import Pick, expected_front, pick
from sasa_nas.errors import UserError
from sasa_nas.objectives import DEFAULT_OBJECTIVES
from sasa_nas.run import Arm, ExternalResources, RunFolder, RunInfo, TrialRecord, read_info, read_trials
from sasa_nas.run.designs import designs, trained
from sasa_nas.run.external import NOTHING
from sasa_nas.surrogate.posterior import LEAST

# what a method needs beyond these is imported when it is called: torch and Ray take seconds
if TYPE_CHECKING:
    from sasa_nas.analysis.retrained import Retrained
    from sasa_nas.analysis.score_quality import ScoresReport
    from sasa_nas.analysis.where import Bounds, Scores, Where
    from sasa_nas.report import WrittenReport
    from sasa_nas.searching import SearchObserver, SearchSummary
    from sasa_nas.workflows.export import Exported, ExportRequest
    from sasa_nas.workflows.observer import RetrainingObserver
    from sasa_nas.workflows.retrain import RetrainingSummary
    from sasa_nas.workflows.retraining_plan import RetrainingRequest


class Run:
    """A run's folder, read afresh by each method, also while its search is under way.

    Args:
        path: Folder of the run.
        session: End of the session of the search that has just ended, if one has.

    Attributes:
        folder: Paths of the run's files.
        info: Space, settings and provenance of the run.
        session: Summary of the session that returned this run, whose `interrupted` and `exhausted` say how it ended;
            None of a run that was read.

    Raises:
        UserError: If the folder is no run's.

    Examples:
        >>> import sasa_nas
        >>> run = sasa_nas.Run("runs/first")  # doctest: +SKIP
        >>> front = run.pareto()  # doctest: +SKIP
        >>> print(front.hypervolume, [point.operators for point in front.front])  # doctest: +SKIP
    """

    def __init__(self, path: str | Path, *, session: "SearchSummary | None" = None) -> None:
        self.folder = RunFolder(Path(path))
        self.info: RunInfo = read_info(self.folder)
        self.session = session

    def trials(self) -> list[TrialRecord]:
        """Return all trials, by number."""
        return read_trials(self.folder)

    def trial(self, number: int) -> TrialRecord:
        """Return one trial.

        Raises:
            UserError: If the run has none of that number.
        """
        for record in self.trials():
            if record.number == number:
                return record
        raise UserError(f"{self.folder.path} has no trial {number}; `sasa-nas pareto` lists the best ones")

    def pareto(self, objectives: Sequence[str] = DEFAULT_OBJECTIVES) -> Front:
        """Return the networks that no other dominates by expected accuracy, and the hypervolume of what was seen.

        Args:
            objectives: Names of objectives, such as `("accuracy", "latency")`; accuracy and FLOPs by default.

        Raises:
            UserError: If networks were trained but an objective was never measured.
        """
        return summarise(self.info, self.trials(), objectives)

    def plot_front(self, file: Path | str) -> None:
        """Draw accuracy against FLOPs of all trials, and the front.

        Args:
            file: A .png, .svg or .pdf file.

        Raises:
            UserError: If the file cannot be written.
        """
        from sasa_nas.analysis.figures import plot_front

        plot_front(self.trials(), Path(file), space=self.info.space_name, dataset=self.info.dataset)

    def where(self, *, resolution: float | None = None, scores: "Scores | Path | str | None" = None) -> "Where":
        """Estimate the signed effect of attention in each stage, and of each other choice, from the balanced trials.

        Args:
            resolution: Effect on accuracy that should be found, in (0, 1); 0.05 if None.
            scores: Scores of all networks of the space, such as a supernet's, which narrow the intervals as far as
                accuracy follows them: numbers by `Architecture.id`, a function of the network, or a JSON file of such
                numbers; FLOPs and parameters if None.

        Raises:
            UserError: If the file cannot be read, or a network has no score.

        Examples:
            >>> import sasa_nas
            >>> run = sasa_nas.Run("runs/first")  # doctest: +SKIP
            >>> answer = run.where(scores=lambda network: -float(len(network.stages)))  # doctest: +SKIP
        """
        from sasa_nas.analysis.where import RESOLUTION, read_scores, where

        name = "scores"
        if isinstance(scores, str | Path):
            name, scores = f"scores of {Path(scores).name}", read_scores(Path(scores))
        wanted = RESOLUTION if resolution is None else resolution
        return where(self.info, self.trials(), resolution=wanted, scores=scores, score_name=name)

    def bounds(self) -> "Bounds | None":
        """Bound the effect of attention in each stage by a model of all trainings, not of the balanced ones alone.

        That is the answer of a short search, and part of `where`, which takes longer.

        Returns:
            None if too few networks are trained, or none with convolution and attention in the same stage.

        Examples:
            >>> import sasa_nas
            >>> found = sasa_nas.Run("runs/first").bounds()  # doctest: +SKIP
            >>> print([(one.stage, one.low, one.high) for one in found.stages])  # doctest: +SKIP
        """
        from sasa_nas.analysis.where import attention_bounds
        from sasa_nas.space.files import validate_space

        return attention_bounds(validate_space(self.info.space, "run.json: space"), self.trials())

    def scores(self) -> "ScoresReport":
        """Judge how well scores, and the run's supernet, sort its networks by accuracy, beside parameters and FLOPs.

        Raises:
            UserError: If the run has no scores, or too few networks.
        """
        from sasa_nas.analysis.score_quality import judge_scores

        return judge_scores(self.info, self.trials())

    def train_more(
        self,
        *,
        balanced: int = 0,
        widths: int = 0,
        settle: int = 0,
        swaps: bool = False,
        swap_seeds: int = 1,
        external: ExternalResources = NOTHING,
        observer: "SearchObserver | None" = None,
    ) -> "Run":
        """Train in the run what tells better where attention helps, or which networks are on the front.

        The rest of its search stays as it is.

        Args:
            balanced: Trainings in balance over the space's options, on top of those so far.
            widths: Trainings of the all-convolution network at other widths, one width after the other, by which
                `where` tells effects at equal FLOPs; on top of those so far. From seven on there is an answer.
            settle: Trainings of networks whose place on the front is least certain, one by one, each with another
                seed; on top of those so far.
            swaps: Whether each network of the front is compared with twins that have convolution where it attends, in
                one stage at a time.
            swap_seeds: Number of seeds of each network and each twin.
            external: Resources outside the run's folder that its record names, named again, or others in their place.
            observer: Observer of the progress; None for none.

        Returns:
            The run, whose `session` says how this session ended.

        Raises:
            UserError: If the run was replayed, has too few networks to settle a front, its record names a resource that
                `external` does not, nothing can be swapped in it, its space has no all-convolution network to widen, or
                another process is searching in it.
        """
        from sasa_nas.searching import Swaps, train_more

        if settle and len(designs(self.trials())) < LEAST:
            raise UserError(
                f"to settle a front takes {LEAST} trained networks; let the search go on (`sasa-nas resume`)"
            )
        wanted = None
        if swaps:
            # without earlier swaps, by which networks would get onto the front for being compared
            front = expected_front([record for record in self.trials() if record.arm is not Arm.SWAP])
            wanted = Swaps([record.number for record in front], swap_seeds)
        path = self.folder.path
        return Run(
            path,
            session=train_more(
                path,
                balanced=balanced,
                widths=widths,
                settle=settle,
                swaps=wanted,
                external=external,
                observer=observer,
            ),
        )

    def pick(self, how: str) -> TrialRecord:
        """Return one network of the front by expected accuracy: the first of its trainings.

        Args:
            how: `best`, the one expected to be most accurate, or `knee`.

        Raises:
            UserError: If `how` is neither, or no trial is trained to the end.
        """
        for known in get_args(Pick):
            if known == how:
                records = self.trials()
                # the front's own records have the accuracy that is expected of new trainings
                number = pick(expected_front(records), known).number
                return next(record for record in records if record.number == number)
        raise UserError(f"cannot pick '{how}'; there is: {', '.join(get_args(Pick))}")

    def retrain(
        self,
        request: "RetrainingRequest | None" = None,
        *,
        processes: int | tuple[int, int] | None = None,
        at_once: int | None = None,
        loader_workers: int | None = None,
        address: str | None = None,
        observer: "RetrainingObserver | None" = None,
        command: str = "",
    ) -> "tuple[RetrainingSummary, Retrained]":
        """Train networks of the run in full, with several seeds; a retraining that was begun before goes on.

        Args:
            request: Networks and settings; the front, by the space's target, if None.
            processes: Processes of this machine that train each network together by a full recipe; see `train`. If
                None, as many, each on a GPU, as let all trainings end first.
            at_once: Trainings at a time, of networks and of their seeds; if None, as many as this machine has GPUs for.
            loader_workers: Processes that read images for each of these; those of its cores that are left if None.
            address: Address of a Ray cluster that trains them; see `train`.
            observer: Observer of the progress; None for none.
            command: Command line that asked for it, for the record.

        Returns:
            The end of the retraining, and what all of its networks together say.

        Raises:
            UserError: If nothing can be trained as asked.
        """
        from sasa_nas.analysis.retrained import summarise_retraining
        from sasa_nas.workflows.full_share import divided
        from sasa_nas.workflows.retrain import retrain_run
        from sasa_nas.workflows.retraining_plan import RetrainingRequest

        records = self.trials()
        front = [record.number for record in expected_front(records)]
        summary = retrain_run(
            self.folder.path,
            front,
            request or RetrainingRequest(),
            share=divided(processes or 1, loader_workers, address),
            at_once=at_once,
            grouping=processes is None and address is None,
            observer=observer,
            command=command,
        )
        return summary, summarise_retraining(self.folder, summary.name, records)

    def report(
        self, out: Path | str | None = None, *, figures: Path | str | None = None, png: bool = False
    ) -> "WrittenReport":
        """Write what the run found as one HTML file, which needs no network and nothing beside it.

        Args:
            out: The file; `report.html` in the run's folder if None.
            figures: A folder that also gets each drawing as an SVG file.
            png: Whether it gets each as a PNG file too.

        Raises:
            UserError: If the run cannot be read, a file cannot be written, or the package that PNG files need is
                missing.
        """
        from sasa_nas.report import write_report

        place, folder = (None if path is None else Path(path) for path in (out, figures))
        return write_report(self.folder.path, place, figures=folder, png=png)

    def export(self, trial: int, request: "ExportRequest | None" = None) -> "Exported":
        """Write a trained network as files that need torch alone, or a runtime of ONNX.

        Args:
            trial: Number of the trial.
            request: Formats, size, weights and folder; the trained network as a Python module if None.

        Returns:
            The folder that was written.

        Raises:
            UserError: If the trial is not trained to the end, weights do not fit, or the folder cannot be written.
        """
        from sasa_nas.workflows.export import ExportRequest, of_trial, write_export

        request = request or ExportRequest()
        record = self.trial(trial)
        if record.architecture is None or record not in trained([record]):
            raise UserError(f"trial {record.number} is {record.outcome.words}, not trained; choose another --trial")
        found = of_trial(self.folder, self.info, record, size=request.size, choice=request.choice)
        return write_export(found, request)
