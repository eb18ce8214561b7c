"""Refuses folders whose files lie elsewhere: a run may come from a stranger, and a link in it leads anywhere."""

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from sasa_nas.errors import UserError
from sasa_nas.run.folder import RetrainingFolder, RunFolder, TrialFolder
from sasa_nas.run.supernet_folder import SupernetFolder
from sasa_nas.run.training_folder import TrainingFolder


def check_run(folder: RunFolder) -> None:
    """Check that what is read and written of a run lies in its folder, but for what lies in its trials' folders.

    Raises:
        UserError: If one of its files or folders is a link, a pipe or a device.
    """
    own = [folder.info, folder.log, folder.lock, folder.tune, folder.operators, folder.trials, folder.retrainings]
    _require_plain([*own, *_children(folder.trials), *_children(folder.retrainings)])
    check_supernet(folder.supernet)


def check_trial(folder: TrialFolder) -> None:
    """Check the same of one trial's files, or an export's."""
    described = [folder.architecture, folder.full_size, folder.metrics, folder.error]
    _require_plain([*described, folder.weights, folder.checkpoint, folder.earlier_checkpoint])


def check_retraining(folder: RetrainingFolder) -> None:
    """Check the same of a retraining's own files, and that its networks' folders lie in it."""
    _require_plain([folder.path, *_children(folder.path)])


def check_training(folder: TrainingFolder) -> None:
    """Check the same of a training's files, those of its seeds included."""
    own = [folder.info, folder.architecture, folder.inherited, folder.result, folder.lock, folder.seeds]
    seeds = list(_children(folder.seeds))
    _require_plain(own)
    _require_plain(seeds)
    _require_plain(file for seed in seeds for file in _children(seed))


def check_supernet(folder: SupernetFolder) -> None:
    """Check the same of a supernet's files, those of its seeds included."""
    seeds = list(_children(folder.seeds))
    _require_plain([folder.path, folder.info, folder.paths, folder.scores, folder.lock, folder.seeds, *seeds])
    _require_plain(file for seed in seeds for file in _children(seed))


def check_lock(path: Path) -> None:
    """Check that a lock can be taken without touching anything but a file in the folder that it is of."""
    _require_plain([path])


def _children(folder: Path) -> Iterator[Path]:
    """Return the entries of a folder; none if it is no folder, or a link."""
    try:
        if stat.S_ISDIR(folder.lstat().st_mode):
            with os.scandir(folder) as entries:
                yield from (Path(entry.path) for entry in entries)
    except OSError:
        return  # whoever reads it will say why it cannot be


def _require_plain(paths: Iterable[Path]) -> None:
    for path in paths:
        try:
            mode = path.lstat().st_mode
        except OSError:
            continue
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            what = "a symbolic link" if stat.S_ISLNK(mode) else "a pipe or a device"
            raise UserError(f"{path} is {what}, and a run is of plain files and folders; put the file itself there")
