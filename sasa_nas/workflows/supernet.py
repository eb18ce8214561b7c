"""Training of a space's supernet, and its judgement of the space's designs."""

import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import torch

from sasa_nas.data.registry import load_for_search
from sasa_nas.data.splits import SearchSplits, same_statistics
from sasa_nas.errors import UserError
from sasa_nas.exporting.weights import check_state, load_weights
from sasa_nas.files import is_temporary, make_directory, write_text
from sasa_nas.models import Network
from sasa_nas.models.layout import to_channels_last
from sasa_nas.run.new_folder import Unwritable, sole_writer
from sasa_nas.run.path_records import PathLog, PathRecord, one_shot_scores
from sasa_nas.run.provenance import git_state, versions
from sasa_nas.run.supernet_folder import SupernetFolder
from sasa_nas.run.supernet_records import SupernetInfo, read_paths, read_supernet
from sasa_nas.run.training_folder import SeedFolder
from sasa_nas.space import Architecture, Image, SearchSpace
from sasa_nas.space.files import trained_part
from sasa_nas.supernet.cover import Cover, Proxies, cover
from sasa_nas.supernet.judging import PathJudge
from sasa_nas.supernet.network import Supernet
from sasa_nas.supernet.paths import judged_designs
from sasa_nas.supernet.training import SupernetMetrics, SupernetTrainer
from sasa_nas.training.checkpoint import Progress
from sasa_nas.training.device import describe_device, pick_device
from sasa_nas.workflows.loading import within_memory
from sasa_nas.workflows.observer import SupernetObserver
from sasa_nas.workflows.seed_session import train_in_epochs, train_seed


@dataclass(frozen=True)
class SupernetRequest:
    """Request for a supernet.

    Attributes:
        seeds: Seeds of initial weights, batches, augmentation and paths, each of a supernet of its own.
        most_paths: Most designs that are judged; a larger space is judged by so many of its designs, drawn in balance.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        data_dir: Folder of data sets; if None, the default one.
    """

    seeds: Sequence[int]
    most_paths: int
    device: str
    data_dir: Path | None


@dataclass(frozen=True)
class SupernetSummary:
    """Summary of a supernet.

    Attributes:
        folder: Its folder.
        designs: The judged designs, at the proxy's size.
        records: The judgement of every design by every seed of the request, seed by seed.
    """

    folder: SupernetFolder
    designs: Sequence[Architecture]
    records: Sequence[PathRecord]


@dataclass(frozen=True)
class _Job:
    """The `SeedJob` of a supernet."""

    proxies: Proxies
    cover: Cover
    splits: SearchSplits
    device: torch.device

    def train(self, seed: int, place: SeedFolder, progress: Progress[SupernetMetrics]) -> None:
        """Train the supernet with one seed; see `SeedJob.train`."""
        train_in_epochs(partial(self.trainer, seed), SupernetMetrics, place, progress)

    def trainer(self, seed: int) -> SupernetTrainer:
        """Return a trainer before its first epoch."""
        recipe = self.proxies.space.proxy.recipe
        return SupernetTrainer(self.proxies, self.cover, self.splits, recipe, seed=seed, device=self.device)


def train_supernet(
    space: SearchSpace,
    folder: SupernetFolder,
    request: SupernetRequest,
    *,
    observer: SupernetObserver,
    command: str = "",
) -> SupernetSummary:
    """Train a supernet of `space` by its proxy's recipe with every seed, and judge the space's designs by each.

    A later call goes on where this one stopped, and may have more seeds or judge more designs. Only the train and the
    validation part are read.

    Args:
        space: A space whose stages choose operators; see `supernet.cover`.
        folder: Folder of the supernet.
        request: Seeds, designs to judge, device.
        observer: Observer of the progress.
        command: The command line, for the record.

    Raises:
        UserError: If a supernet cannot hold the space, the folder holds another one, the data are missing, a training
            diverges, or the folder cannot be written.
    """
    device = pick_device(request.device)
    proxy = space.proxy
    splits = load_for_search(
        proxy.dataset,
        data_dir=request.data_dir,
        image_size=proxy.image_size,
        train_images=proxy.train_images,
        progress=observer.decoding,
    )
    job = _job(space, splits, device)
    designs = judged_designs(job.proxies, request.most_paths)
    _make_folder(folder)
    go_on = f"sasa-nas supernet --space {space.name} --out {folder.path}"
    with sole_writer(folder.path, folder.lock, go_on), within_memory(proxy.recipe.batch_size):
        _begin(folder, space, splits, device, command)
        log = PathLog(folder.paths)
        observer.supernet_started(folder, request.seeds, proxy.recipe.epochs, len(designs))
        for seed in request.seeds:
            train_seed(folder.seed(seed), job, seed, observer)
            _judge(job, folder, seed, designs, log, observer)
        records = [log.records[design.id, seed] for seed in request.seeds for design in designs]
        scores = one_shot_scores(list(log.records.values()))
        write_text(folder.scores, json.dumps(scores, indent=1) + "\n")
    return SupernetSummary(folder, designs, records)


def inherited(folder: SupernetFolder, design: Architecture, splits: SearchSplits) -> Network:
    """Return the stand-alone network of a design with the weights of a supernet, its batch norm recalibrated.

    Args:
        folder: The supernet's, of whose seeds the first is taken.
        design: A network of the supernet's space, at the size of its proxy.
        splits: The data set that the supernet was trained on.

    Raises:
        UserError: If the folder is no supernet's, nothing is judged yet, the data set is another one, or the design is
            none of its paths.
    """
    info = read_supernet(folder)
    if not same_statistics(splits.standardisation.per_channel(), (info.mean, info.std)):
        raise UserError(f"the supernet in {folder.path} was trained on another data set than '{splits.info.name}'")
    seed = min((record.seed for record in read_paths(folder)), default=None)
    if seed is None:
        raise UserError(f"the supernet in {folder.path} is not trained to the end; go on with `sasa-nas supernet`")
    job = _job(trained_part(info.space), splits, torch.device("cpu"))
    try:
        path = _trained(job, folder, seed).path(design)
    except KeyError:
        raise UserError(
            f"architecture {design.id} is no path of the supernet in {folder.path}; give a network of its space, at "
            "the size of its proxy, for the same images"
        ) from None
    _path_judge(job, seed).recalibrate(path)
    return path


def _job(space: SearchSpace, splits: SearchSplits, device: torch.device) -> _Job:
    info = splits.info
    proxies = Proxies(space, Image(channels=info.channels, height=info.height, width=info.width), info.num_classes)
    return _Job(proxies, cover(proxies), splits, device)


def _make_folder(folder: SupernetFolder) -> None:
    """Make the folder of a supernet, unless it exists.

    Raises:
        UserError: If it holds anything else, or cannot be made.
    """
    path = folder.path
    try:
        make_directory(path)
        # a kill before supernet.json was written leaves the lock and a temporary file
        foreign = [one for one in path.iterdir() if one != folder.lock and not is_temporary(one)]
    except OSError as error:
        raise Unwritable(path, error, "choose another --out") from error
    if foreign and not os.path.lexists(folder.info):
        raise UserError(f"{path} is not empty; choose another --out")


def _begin(
    folder: SupernetFolder, space: SearchSpace, splits: SearchSplits, device: torch.device, command: str
) -> None:
    """Write supernet.json, or check that the one that is there is of the same training."""
    mean, std = splits.standardisation.per_channel()
    if not os.path.lexists(folder.info):
        info = SupernetInfo(
            space=space.model_dump(mode="json"),
            device_type=device.type,
            created=datetime.now(UTC),
            command=command,
            versions=versions(),
            git=git_state(),
            device=describe_device(device),
            mean=mean,
            std=std,
        )
        write_text(folder.info, info.model_dump_json(indent=2) + "\n")
        return
    earlier = read_supernet(folder)
    same = _without_place(trained_part(earlier.space)) == _without_place(trained_part(space.model_dump(mode="json")))
    if not same or earlier.device_type != device.type:
        what = "space or recipe" if not same else f"device ({earlier.device_type})"
        raise UserError(f"{folder.path} holds a supernet of another {what}; choose another --out")
    if not same_statistics((mean, std), (earlier.mean, earlier.std)):
        raise UserError(f"dataset '{splits.info.name}' is not the one that {folder.path} was begun with; give that one")


def _without_place(space: SearchSpace) -> SearchSpace:
    """Return a space without its data set's name, as a folder may move; its content is compared by statistics."""
    placeless: SearchSpace = space.model_copy(update={"proxy": space.proxy.model_copy(update={"dataset": ""})})
    return placeless


def _judge(
    job: _Job,
    folder: SupernetFolder,
    seed: int,
    designs: Sequence[Architecture],
    log: PathLog,
    observer: SupernetObserver,
) -> None:
    """Judge the designs that a seed's supernet has not judged yet."""
    waiting = [design for design in designs if (design.id, seed) not in log.records]
    if not waiting:
        return
    supernet, judge = _trained(job, folder, seed), _path_judge(job, seed)
    for done, design in enumerate(waiting, start=len(designs) - len(waiting) + 1):
        found = judge.judge(supernet.path(design))
        if not math.isfinite(found.loss):
            raise UserError(f"seed {seed} diverged: the validation loss of network {design.id} is {found.loss}")
        record = PathRecord(architecture_id=design.id, seed=seed, validation_loss=found.loss, accuracy=found.accuracy)
        log.add(record)
        observer.path_judged(record, done)


def _path_judge(job: _Job, seed: int) -> PathJudge:
    batch_size = job.proxies.space.proxy.recipe.batch_size
    train, validation = (part.to(job.device) for part in (job.splits.train, job.splits.validation))
    return PathJudge(train, validation, batch_size=batch_size, seed=seed)


def _trained(job: _Job, folder: SupernetFolder, seed: int) -> Supernet:
    """Return the supernet with the weights that a seed has left.

    Raises:
        UserError: If they cannot be read, or are another supernet's.
    """
    supernet = Supernet(job.cover.designs)
    weights = load_weights(folder.seed(seed).weights)
    check_state(supernet.state_dict(), weights, f"the supernet of '{job.proxies.space.name}'")
    supernet.load_state_dict(weights)
    return to_channels_last(supernet.to(job.device))
