"""Single networks: loaded, described, trained, measured, scored and looked into."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sasa_nas.errors import UserError
from sasa_nas.run import ExternalResources
from sasa_nas.run.external import NOTHING
from sasa_nas.run.training_records import TrainingInfo, TrainingResult, TrainingSettings

# what a function needs beyond these is imported when it is called: torch takes seconds
if TYPE_CHECKING:
    from sasa_nas.analysis.attention_maps import AttentionView, Selection
    from sasa_nas.analysis.description import Description
    from sasa_nas.cost import Convention
    from sasa_nas.space import Architecture
    from sasa_nas.workflows.attention import ImageSource
    from sasa_nas.workflows.evaluate import EvaluationReport, EvaluationSettings
    from sasa_nas.workflows.latency import LatencyRequest
    from sasa_nas.workflows.observer import TrainingObserver, TrainingSummary


def load_architecture(target: Path | str) -> "Architecture":
    """Return the design of a classifier, by its name or from a file or a folder.

    Args:
        target: Name of a network (`list_models`), which goes before a file of the same name; a JSON or YAML file; or
            the folder of a trial, of a training or of an export.

    Raises:
        UserError: If there is no such network, or it is a detector.

    Examples:
        >>> import sasa_nas
        >>> network = sasa_nas.load_architecture("sasa_resnet50")
        >>> [stage.operator.kind for stage in network.stages]
        ['local_attention', 'local_attention', 'local_attention', 'local_attention']
    """
    from sasa_nas.workflows.targets import find_architecture

    return find_architecture(str(target))


def describe(
    target: str,
    changes: Sequence[str] = (),
    *,
    image_size: int | None = None,
    convention: "Convention" = "sasa",
    latency: "LatencyRequest | None" = None,
) -> "Description":
    """Count a network part by part, for one image.

    Args:
        target: Name of a network, an architecture's file, or a trained network's folder.
        changes: Fields to change first, such as `stages[0].operator.kernel_size=11`.
        image_size: Height and width in pixels; the network's own if None.
        convention: Convention by which FLOPs are counted; `sasa` counts two for each multiply-accumulate.
        latency: Forward passes to measure too.

    Raises:
        UserError: If there is no such network, a change does not fit, or latencies of a detector are asked for.

    Examples:
        >>> import sasa_nas
        >>> sasa_nas.describe("resnet18").params
        11689512
    """
    from sasa_nas.analysis import description
    from sasa_nas.space import overridden
    from sasa_nas.workflows.targets import find_network

    network = overridden(find_network(target), changes)
    described = description.describe(network, name=target, image_size=image_size, convention=convention)
    if latency is None:
        return described
    from sasa_nas.workflows.latency import measure_network, setting_of

    setting = setting_of(latency.device, threads=latency.threads, dtype=latency.dtype)
    measured = measure_network(network, latency.batches, setting, image_size=image_size, fresh=latency.fresh)
    return description.with_latency(described, measured, setting)


def train(
    target: str,
    settings: TrainingSettings,
    *,
    out: Path | str | None = None,
    inherit: Path | str | None = None,
    processes: int | tuple[int, int] = 1,
    loader_workers: int | None = None,
    address: str | None = None,
    observer: "TrainingObserver | None" = None,
    command: str = "",
) -> "TrainingSummary[TrainingInfo, TrainingResult]":
    """Train one classifier with one seed or several, and read the test split at the very end.

    By a full recipe, several processes can share the training: those that `processes` asks for, or those of a launcher
    such as `torchrun`, the first of which calls this, and all others `follow_training`.

    Args:
        target: Name of a network, an architecture's file, or a trained network's folder, whose design is taken.
        settings: Data set, recipe, seeds, device.
        out: Folder of the training, which must not exist or be empty; `runs/train-<name>-<time>` if None.
        inherit: Folder of a supernet with the weights to begin with; they are drawn if None. The network is one of its
            paths, as in the `architecture.json` of a search's trial.
        processes: Processes of this machine that train together by a full recipe, each on a GPU of its own if they
            train on GPUs. A script that asks for several needs `if __name__ == "__main__":`. On a Ray cluster, a pair
            for the fewest and the most, as many as there are at any moment.
        loader_workers: Processes that read images for each of these; those of its cores that are left if None.
        address: Address of a running Ray cluster that trains in place of this machine, or `auto` for the one that this
            machine is part of; its machines share the disk of the folder.
        observer: Observer of the progress; None for none.
        command: Command line that asked for it, for the record.

    Returns:
        The folder and the result.

    Raises:
        UserError: If it cannot be trained as asked; then nothing was written.

    Examples:
        >>> import sasa_nas
        >>> settings = sasa_nas.TrainingSettings(dataset="digits")  # doctest: +SKIP
        >>> sasa_nas.train("sasa_resnet26", settings).result  # doctest: +SKIP
    """
    from sasa_nas.space import Architecture
    from sasa_nas.workflows.full_share import divided
    from sasa_nas.workflows.targets import find_to_train
    from sasa_nas.workflows.train import train_network

    return train_network(
        find_to_train(target, Architecture),
        settings,
        name=target,
        out=None if out is None else Path(out),
        inherit=None if inherit is None else Path(inherit),
        share=divided(processes, loader_workers, address),
        observer=observer,
        command=command,
    )


def resume_training(
    folder: Path | str,
    *,
    external: ExternalResources = NOTHING,
    processes: int | tuple[int, int] = 1,
    loader_workers: int | None = None,
    address: str | None = None,
    observer: "TrainingObserver | None" = None,
) -> "TrainingSummary[TrainingInfo, TrainingResult]":
    """Go on with a classifier's training where it stopped, to the same result on a CPU as without the stop.

    Args:
        folder: Folder of the training; a finished one is left as it is.
        external: Resources outside the folder that its record names, named again, or others in their place.
        processes: Processes that train together by a full recipe, as for `train`; as many as before or others.
        loader_workers: Processes that read images for each of these; those of its cores that are left if None.
        address: Address of a Ray cluster that goes on with it, as for `train`.
        observer: Observer of the progress; None for none.

    Raises:
        UserError: If the folder is no classifier's training, its record names a resource that `external` does not, its
            data set has changed, or another process is training in it.

    Examples:
        >>> import sasa_nas
        >>> sasa_nas.resume_training("runs/train-resnet18").result  # doctest: +SKIP
    """
    from sasa_nas.workflows.full_share import divided
    from sasa_nas.workflows.train import resume_network

    share = divided(processes, loader_workers, address)
    return resume_network(Path(folder), external=external, share=share, observer=observer)


def follow_training(device: str = "auto") -> None:
    """Take part in a full training that the first process of a launcher such as `torchrun` leads by `train`.

    Args:
        device: `auto`, `cpu` or `cuda`, as in the settings of that training.

    Raises:
        UserError: If no launcher has started this process, or it cannot take part.

    Examples:
        >>> import sasa_nas
        >>> sasa_nas.follow_training()  # doctest: +SKIP
    """
    from sasa_nas.workflows.full_share import follow_launched

    follow_launched(device)


def evaluate(target: Path | str, settings: "EvaluationSettings | None" = None) -> "EvaluationReport":
    """Measure a trained network on plain, turned, mirrored and attacked images.

    Args:
        target: Folder of a training, of a run's trial or of an export.
        settings: Split, images and attacks; the plain validation split if None.

    Raises:
        UserError: If there is no trained network, or its data set is not at hand or has changed.

    Examples:
        >>> import sasa_nas
        >>> sasa_nas.evaluate("runs/first/trials/0003").measurements  # doctest: +SKIP
    """
    from sasa_nas.workflows.evaluate import EvaluationSettings, evaluate_network

    return evaluate_network(Path(target), settings or EvaluationSettings())


def scores(
    target: str,
    names: Sequence[str] = (),
    *,
    dataset: str = "digits",
    data_dir: Path | None = None,
    seed: int = 0,
    device: str = "cpu",
) -> dict[str, float]:
    """Compute training-free scores of a network with random weights, from images of a train split.

    Args:
        target: Name of a network, an architecture's file, or a trained network's folder.
        names: Names of scores; all that are registered if empty.
        dataset: Name of the data set, to whose images and classes the network is fitted.
        data_dir: Folder of the data sets; None for the default place.
        seed: Seed of the initial weights and of the choice of images.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.

    Returns:
        The scores by name, without those that are no finite number.

    Raises:
        UserError: If there is no such network, data set or score.

    Examples:
        >>> import sasa_nas
        >>> sorted(sasa_nas.scores("resnet18", ["synflow"]))  # doctest: +SKIP
        ['synflow']
    """
    from sasa_nas.data.registry import load_for_search
    from sasa_nas.scoring import SCORES
    from sasa_nas.scoring.compute import compute_scores
    from sasa_nas.space import Image
    from sasa_nas.space.scaling import fitted_to
    from sasa_nas.training.device import pick_device
    from sasa_nas.workflows.targets import find_architecture

    for name in names:
        if name not in SCORES:
            raise UserError(f"unknown score '{name}'; there is: {', '.join(SCORES)}")
    splits = load_for_search(dataset, data_dir=data_dir)
    info = splits.info
    image = Image(channels=info.channels, height=info.height, width=info.width)
    network = fitted_to(find_architecture(target), image, info.num_classes)
    return compute_scores(network, names or tuple(SCORES), splits.train, seed=seed, device=pick_device(device))


def attention_maps(
    target: str, source: "ImageSource | None" = None, selection: "Selection | None" = None, *, seed: int = 0
) -> "AttentionView":
    """Show where pixels of an image attend in a network, head by head.

    Args:
        target: Name of a network, an architecture's file, or a trained network's folder; others than the last have
            random weights.
        source: The image; the first of the validation split that the network was trained on if None.
        selection: Pixels, layers and heads; the centre, each stage's last block and the first heads if None.
        seed: Seed of random weights.

    Raises:
        UserError: If there is no such network, image, layer, head or pixel, or the network has no attention.

    Examples:
        >>> import sasa_nas
        >>> source = sasa_nas.ImageSource(dataset="digits", index=3)  # doctest: +SKIP
        >>> sasa_nas.attention_maps("sasa_resnet26", source).maps  # doctest: +SKIP
    """
    from sasa_nas.analysis.attention_maps import AttentionView, Selection, attention_maps
    from sasa_nas.space import NetworkDescription
    from sasa_nas.workflows.attention import ImageSource, trained_subject, untrained_subject
    from sasa_nas.workflows.targets import find_architecture, resolve

    source = source or ImageSource()
    architecture = find_architecture(target)
    if isinstance(resolve(target), NetworkDescription):
        subject = untrained_subject(architecture, target, source, seed=seed)
    else:
        subject = trained_subject(Path(target), source)
    maps = attention_maps(subject.network, subject.inputs, selection or Selection())
    return AttentionView(target, subject.weights, subject.image, subject.picture, maps)
