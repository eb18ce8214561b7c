"""Trained detectors to export, with the facts in their records."""

from sasa_nas.detection.description import load_detector
from sasa_nas.detection.records import read_detection, read_detection_result
from sasa_nas.errors import UserError
from sasa_nas.exporting.card import ModelCard
from sasa_nas.exporting.weights import load_weights
from sasa_nas.run import TrainingFolder
from sasa_nas.run.trained import Weights
from sasa_nas.run.training_records import untrained
from sasa_nas.tasks import DETECTION
from sasa_nas.workflows.export import Exportable, WeightsChoice, export_name, of_seed


def of_detector_training(folder: TrainingFolder, choice: WeightsChoice) -> Exportable:
    """Return one seed of a detector's training, the first that is trained to the end if none is named.

    Args:
        folder: Folder of the training.
        choice: Choice of the seed.

    Raises:
        UserError: If no such seed is trained to the end, it is another task's training, or a file of weights is given.
    """
    info = read_detection(folder)
    seeds = [seed for seed in info.settings.seeds if folder.seed(seed).weights.is_file()]
    if not seeds:
        raise UserError(untrained(folder, DETECTION))
    chosen = of_seed([Weights(folder.seed(seed).weights, seed) for seed in seeds], choice, folder)
    scores = read_detection_result(folder).seeds if folder.result.is_file() else ()
    score = next((score for score in scores if score.seed == chosen.seed), None)
    card = ModelCard(
        name=export_name(str(folder.path)),
        seed=chosen.seed,
        dataset=info.settings.dataset,
        ap=score.ap if score else None,
        ap50=score.ap50 if score else None,
        epochs=info.settings.recipe.epochs,
        class_names=tuple(category.name for category in info.categories),
        category_ids=tuple(category.id for category in info.categories),
        training_command=info.command or None,
        versions=info.versions,
    )
    return Exportable(load_detector(folder.architecture), load_weights(chosen.path), card)
