"""The command line's verbs for Python: what a run and a network can be asked."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from sasa_nas.analysis.attention_maps import AttentionView, Selection, attention_maps
from sasa_nas.analysis.designs import trained
from sasa_nas.analysis.pareto import Front, Pick, pareto_front, pick, summarise
from sasa_nas.analysis.retrained import Retrained, summarise_retraining
from sasa_nas.analysis.targets import find_architecture
from sasa_nas.analysis.where import RESOLUTION, Where, where
from sasa_nas.errors import UserError
from sasa_nas.exporting.names import ARCHITECTURE_FILE
from sasa_nas.models import list_models
from sasa_nas.report import WrittenReport, write_report
from sasa_nas.run import Arm, ExternalResources, RunFolder, RunInfo, TrainingFolder, TrialRecord, read_info, read_trials
from sasa_nas.run.external import NOTHING
from sasa_nas.run.retraining_records import Size
from sasa_nas.workflows.attention import ImageSource, trained_subject, untrained_subject
from sasa_nas.workflows.export import (
    Exportable,
    Exported,
    ExportRequest,
    WeightsChoice,
    export_name,
    of_architecture,
    of_training,
    of_trial,
    write_export,
)
from sasa_nas.workflows.retrain import RetrainingObserver, RetrainingRequest, RetrainingSummary, retrain_run

if TYPE_CHECKING:
    from sasa_nas.searching import SearchObserver, SearchSummary


class Run:
    """A run's folder, read afresh at every question, also while its search is under way.

    Args:
        path: The folder.

    Raises:
        RunError: If it is no run's.
    """

    def __init__(self, path: str | Path) -> None:
        self.folder = RunFolder(Path(path))
        self.info: RunInfo = read_info(self.folder)

    def trials(self) -> list[TrialRecord]:
        """Every trial, by number."""
        return read_trials(self.folder)

    def trial(self, number: int) -> TrialRecord:
        """One trial.

        Raises:
            UserError: If the run has none of that number.
        """
        for record in self.trials():
            if record.number == number:
                return record
        raise UserError(f"{self.folder.path} has no trial {number}; `sasa-nas pareto` lists the best ones")

    def pareto(self) -> Front:
        """The trials that no other dominates, and the hypervolume."""
        return summarise(self.info, self.trials())

    def where(self, *, resolution: float = RESOLUTION) -> Where:
        """The signed effect of attention in every stage, and of what else differs, from the balanced trials.

        Args:
            resolution: The effect on accuracy that should be found, in (0, 1).
        """
        return where(self.info, self.trials(), resolution=resolution)

    def train_more(
        self,
        *,
        balanced: int = 0,
        swaps: bool = False,
        swap_seeds: int = 1,
        external: ExternalResources = NOTHING,
        observer: "SearchObserver | None" = None,
    ) -> "SearchSummary":
        """Train in the run what tells better where attention helps; what else is left of its search stays so.

        Args:
            balanced: Trainings in balance over the space's options, on top of those so far.
            swaps: Whether each network on the front is compared with twins that have convolution where it attends, in
                one stage at a time.
            swap_seeds: With how many seeds each network and each twin is trained.
            external: What the run's record names outside its folder, named again, or what takes its place.
            observer: Told of everything that happens.

        Raises:
            UserError: If the run was replayed, its record names something that `external` does not, nothing can be
                swapped in it, or another process is searching in it.
        """
        from sasa_nas.searching import Swaps, train_more  # Ray, which takes seconds to import, serves nothing else here

        wanted = None
        if swaps:
            # without earlier swaps, by which networks would get onto the front for being compared
            front = pareto_front([record for record in self.trials() if record.arm is not Arm.SWAP])
            wanted = Swaps([record.number for record in front], swap_seeds)
        return train_more(self.folder.path, balanced=balanced, swaps=wanted, external=external, observer=observer)

    def pick(self, how: str) -> TrialRecord:
        """The front's member with the highest accuracy (`best`) or at its `knee`; its first training, if several.

        Raises:
            UserError: If `how` is neither, or no trial is trained to the end.
        """
        for known in get_args(Pick):
            if known == how:
                records = self.trials()
                # the front's own records have the mean accuracy of their design's trainings
                number = pick(pareto_front(records), known).number
                return next(record for record in records if record.number == number)
        raise UserError(f"cannot pick '{how}'; there is: {', '.join(get_args(Pick))}")

    def retrain(
        self,
        request: RetrainingRequest | None = None,
        *,
        observer: RetrainingObserver | None = None,
        command: str = "",
    ) -> tuple[RetrainingSummary, Retrained]:
        """Trains networks of the run in full, with several seeds; one that was begun before goes on.

        Args:
            request: Which networks, and how; the front, by the space's target, where it is left out.
            observer: Told of everything that happens.
            command: What asked for it, for the record.

        Returns:
            How it ended, and what all of its networks together say.

        Raises:
            UserError: If nothing can be trained as asked.
        """
        records = self.trials()
        front = [record.number for record in pareto_front(records)]
        path = self.folder.path
        summary = retrain_run(path, front, request or RetrainingRequest(), observer=observer, command=command)
        return summary, summarise_retraining(self.folder, summary.name, records)

    def report(self, out: Path | None = None, *, figures: Path | None = None, png: bool = False) -> WrittenReport:
        """Writes what the run found as one HTML file, which needs no network and nothing beside it.

        Args:
            out: The file; `report.html` in the run's folder where it is left out.
            figures: A folder that also gets every drawing as an SVG file of its own.
            png: Whether it gets each as a PNG file too.

        Raises:
            UserError: If the run cannot be read, a file cannot be written, or the package that PNG files need is
                missing.
        """
        return write_report(self.folder.path, out, figures=figures, png=png)

    def export(
        self,
        trial: int,
        *,
        formats: Sequence[str] = ("module",),
        size: Size = "proxy",
        weights: Path | None = None,
        seed: int | None = None,
        out: Path | None = None,
        command: str = "",
        weights_license: str | None = None,
    ) -> Path:
        """Writes a trained network as files that need torch alone, or a runtime of ONNX.

        Args:
            trial: Its number.
            formats: Of `sasa_nas.exporting.formats.FORMATS`, one at least.
            size: The network that was trained, or the full-size design that it stands in for: as `retrain` trained
                it, else with random weights, unless `weights` are given.
            weights: A safetensors file of the full-size design, trained elsewhere.
            seed: Of the full-size design's retraining, the best on the validation part where it is left out; or of
                its random weights.
            out: The folder to write; `exports/<run>_<trial>` where it is left out.
            command: What wrote it, for the model card.
            weights_license: The license of the weights, for the model card.

        Returns:
            The folder.

        Raises:
            UserError: If the trial is not trained to the end, weights do not fit, or the folder cannot be written.
        """
        request = ExportRequest(formats, size, WeightsChoice(weights, seed), out, command, weights_license)
        return write_export(self._exportable(self.trial(trial), request), request).folder

    def _exportable(self, record: TrialRecord, request: ExportRequest) -> Exportable:
        if record.architecture is None or record not in trained([record]):
            raise UserError(f"trial {record.number} is {record.outcome.words}, not trained; choose another --trial")
        return of_trial(self.folder, self.info, record, size=request.size, choice=request.choice)


def export(target: str, request: ExportRequest, *, trial: int | None = None, how: str | None = None) -> Exported:
    """Writes any classifier as files that need torch alone, or a runtime of ONNX.

    Args:
        target: A run's folder, a trial's, an outright training's, an architecture's file, or a named network; the
            last two have random weights unless `request` names a file.
        request: Formats, weights, folder.
        trial: Of a run, which trial.
        how: Of a run, which trial of its front if none is named: `best` (also where it is left out) or `knee`.

    Raises:
        UserError: If there is no such network, it is a detector, it is not trained, weights do not fit, or the
            folder cannot be written.
    """
    return write_export(_find(target, request, trial, how), request)


def _find(target: str, request: ExportRequest, trial: int | None, how: str | None) -> Exportable:
    path = Path(target)
    is_folder = target not in list_models() and path.is_dir()
    if is_folder and RunFolder(path).info.is_file():
        run = Run(path)
        return run._exportable(run.trial(trial) if trial is not None else run.pick(how or "best"), request)
    if trial is not None or how is not None:
        raise UserError(f"--trial and --pick choose among the trials of a run, and '{target}' is no run's folder")
    # RUN/trials/0003
    parent = path.resolve().parent.parent
    if is_folder and RunFolder(parent).info.is_file() and path.resolve().name.isdecimal():
        run = Run(parent)
        return run._exportable(run.trial(int(path.resolve().name)), request)
    if request.size == "target":
        raise UserError(f"--size target belongs to the trials of a run, and '{target}' is none")
    if is_folder and TrainingFolder(path).info.is_file():
        return of_training(TrainingFolder(path), request.choice)
    architecture = find_architecture(target)
    if is_folder:
        raise UserError(
            f"{target} does not tell how its weights were trained; export the run or the training that they come from, "
            f"or its {ARCHITECTURE_FILE} with --weights"
        )
    return of_architecture(architecture, export_name(target), request.choice)


def attention_view(target: str, source: ImageSource, selection: Selection, *, seed: int = 0) -> AttentionView:
    """Where pixels of an image attend in a network.

    Args:
        target: A named network or an architecture's file, which get random weights; or the folder of an outright
            training (its first seed), of a search's trial or of an export.
        source: The image.
        selection: Which pixels, layers and heads.
        seed: Fixes random weights.

    Raises:
        UserError: If there is no such network, image, layer, head or pixel, or the network has no attention.
    """
    architecture = find_architecture(target)
    if target not in list_models() and Path(target).is_dir():
        subject = trained_subject(Path(target), source)
    else:
        subject = untrained_subject(architecture, target, source, seed=seed)
    maps = attention_maps(subject.network, subject.inputs, selection)
    return AttentionView(target, subject.weights, subject.image, subject.picture, maps)
