"""The tasks that networks are trained for, a row of one table each.

All that is asked of a task is asked of its row, so that no other room tells one task from another. Nothing is imported
here: code is named as `module:name`, and imported when it is needed.
"""

from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Task:
    """Facts about one task.

    Attributes:
        name: The name in the records of trainings.
        network: Noun for its networks in a sentence.
        labels: Plural noun for what its data sets hold beside images.
        folder: Prefix of the name of a data set that is a folder.
        train: The command that trains its networks.
        use: The command that a trained network is used by.
        field: A field that the descriptions of its networks alone have; None for the task of all others.
        description: The type that describes a network, a `space.NetworkDescription`.
        named: Dictionary of the networks with a name: functions without arguments that return a description.
        count: Maps a description to the `cost.NetworkCounts` of one image.
        describe: Maps a description, its name, the side of its images and a convention to an
            `analysis.description.Description`.
        build: Maps a description to its network, freshly initialised.
        export: An `exporting.task_export.TaskExport`: what is written of its networks.
        trained: Maps the folder of a training and a `workflows.export.WeightsChoice` to an `Exportable`.
    """

    name: str
    network: str
    labels: str
    folder: str
    train: str
    use: str
    field: str | None
    description: str
    named: str
    count: str
    describe: str
    build: str
    export: str
    trained: str

    def resuming(self, folder: Path) -> str:
        """Return the command that goes on with the training in a folder."""
        return f"sasa-nas {self.train} --resume {folder}"


CLASSIFICATION = Task(
    name="classification",
    network="classifier",
    labels="classes",
    folder="imagefolder:",
    train="train",
    use="evaluate",
    field=None,
    description="sasa_nas.space:Architecture",
    named="sasa_nas.models.registry:NETWORKS",
    count="sasa_nas.cost:count_network",
    describe="sasa_nas.analysis.parts:describe_classifier",
    build="sasa_nas.models:build",
    export="sasa_nas.exporting.classifier:EXPORT",
    trained="sasa_nas.workflows.export:of_training",
)
DETECTION = Task(
    name="detection",
    network="detector",
    labels="boxes",
    folder="coco:",
    train="train-detector",
    use="detect",
    field="backbone",
    description="sasa_nas.detection.description:Detector",
    named="sasa_nas.detection.named:DETECTORS",
    count="sasa_nas.detection.cost:count_detector",
    describe="sasa_nas.detection.parts:describe_detector",
    build="sasa_nas.detection.network:build_detector",
    export="sasa_nas.detection.exporting.detector:EXPORT",
    trained="sasa_nas.detection.workflows.export:of_detector_training",
)
TASKS: dict[str, Task] = {task.name: task for task in (CLASSIFICATION, DETECTION)}
"""Every task by its name, that of a search first."""


def described_task(fields: Container[str]) -> Task:
    """Return the task whose networks have one of these fields in their descriptions.

    Args:
        fields: The names, or anything that holds them.
    """
    return next((task for task in TASKS.values() if task.field is not None and task.field in fields), CLASSIFICATION)
