"""The command line's verbs for Python: what a run and a network can be asked."""

from pathlib import Path
from typing import get_args

from sasa_nas.analysis.attention_maps import AttentionView, Selection, attention_maps
from sasa_nas.analysis.pareto import Front, Pick, pareto_front, pick, summarise, trained
from sasa_nas.analysis.retrained import Retrained, summarise_retraining
from sasa_nas.analysis.targets import find_architecture
from sasa_nas.analysis.where import RESOLUTION, Where, where
from sasa_nas.errors import UserError
from sasa_nas.experiment.retraining import RetrainingObserver, RetrainingRequest, RetrainingSummary, retrain_run
from sasa_nas.experiment.subject import ImageSource, trained_subject, untrained_subject
from sasa_nas.export import ModelCard, export_module, load_weights
from sasa_nas.models import list_models
from sasa_nas.report import WrittenReport, write_report
from sasa_nas.run import RunFolder, RunInfo, TrialRecord, read_info, read_trials


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

    def pick(self, how: str) -> TrialRecord:
        """The front's member with the highest accuracy (`best`) or at its `knee`.

        Raises:
            UserError: If `how` is neither, or no trial is trained to the end.
        """
        for known in get_args(Pick):
            if known == how:
                return pick(pareto_front(self.trials()), known)
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

    def report(self, out: Path | None = None, *, figures: Path | None = None) -> WrittenReport:
        """Writes what the run found as one HTML file, which needs no network and nothing beside it.

        Args:
            out: The file; `report.html` in the run's folder where it is left out.
            figures: A folder that also gets every drawing as an SVG file of its own.

        Raises:
            UserError: If the run cannot be read, or a file cannot be written.
        """
        return write_report(self.folder.path, out, figures=figures)

    def export(self, trial: int, *, out: Path | None = None, command: str = "") -> Path:
        """Writes a trained network as a module that needs torch alone.

        Args:
            trial: Its number.
            out: The folder to write; `exports/<run>_<trial>` where it is left out.
            command: What wrote it, for the model card.

        Returns:
            The folder.

        Raises:
            UserError: If the trial is not trained to the end, or the folder cannot be written.
        """
        record = self.trial(trial)
        if record.architecture is None or record not in trained([record]):
            raise UserError(f"trial {trial} is {record.outcome}, not trained; choose another --trial")
        name = f"{self.folder.path.resolve().name}_{trial:04d}".replace("-", "_")
        card = ModelCard(
            name=name,
            dataset=str(self.info.space["proxy"]["dataset"]),
            accuracy=record.accuracy,
            epochs=record.epochs,
            mean=self.info.mean or None,
            std=self.info.std or None,
            training_command=self.info.command or None,
            export_command=command or None,
            versions=self.info.versions,
        )
        weights = load_weights(self.folder.trial(trial).weights)
        return export_module(record.architecture, weights, out or Path("exports") / name, card)


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
