"""Full trainings with checkpoints after every epoch and every few minutes, read and written by the first rank."""

import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

from torch import Tensor

from sasa_nas.training.checkpoint import BadCheckpoint, Progress, read_checkpoint, restore, save_checkpoint
from sasa_nas.training.full.metrics import FullMetrics
from sasa_nas.training.full.ranks import ALONE, Ranks
from sasa_nas.training.full.trainer import FullTrainer

EVERY = 300.0
"""Seconds between checkpoints inside an epoch."""
_SHOWN_EVERY = 1.0
"""Seconds between reports of updates."""


def train_to_end(
    make: Callable[[], FullTrainer],
    *,
    checkpoint: Path,
    progress: Progress[FullMetrics],
    ranks: Ranks = ALONE,
    every: float = EVERY,
) -> Mapping[str, Tensor]:
    """Train to the last epoch, from `checkpoint` if the first rank has it; every rank calls this.

    Args:
        make: Function that makes the trainer before its first update.
        checkpoint: The file, which the first rank replaces atomically; its folder exists there.
        progress: Observer of the epochs; only that of the first rank is called.
        ranks: Place of this process.
        every: Seconds between checkpoints inside an epoch.

    Returns:
        The weights and buffers to keep, of float32: the moving average, if the recipe has one.

    Raises:
        OSError: If the checkpoint cannot be read or written.
        NonFiniteLoss: If the training diverges.
    """
    trainer, history, reason = _resumed(make, checkpoint, ranks)
    with closing(trainer):
        if ranks.leads:
            if reason is not None:
                progress.restarted(reason)
            progress.started(history)
            if trainer.epoch < trainer.recipe.epochs:
                progress.stepped(trainer.epoch + 1, trainer.update, trainer.updates)
        written = time.monotonic()

        def checked() -> None:
            nonlocal written
            if ranks.leads and time.monotonic() - written >= every:
                save_checkpoint(checkpoint, trainer, history)
                written = time.monotonic()

        shown = time.monotonic()

        def stepped() -> None:
            nonlocal shown
            if ranks.leads and time.monotonic() - shown >= _SHOWN_EVERY:
                progress.stepped(trainer.epoch + 1, trainer.update, trainer.updates)
                shown = time.monotonic()

        for result in trainer.epochs(checked, stepped):
            history.append(result)
            if ranks.leads:
                save_checkpoint(checkpoint, trainer, history)
                written = time.monotonic()
                progress.advanced(history)
        state: Mapping[str, Tensor] = trainer.trained.state_dict()
        return {name: value.float() if value.is_floating_point() else value for name, value in state.items()}


def _resumed(
    make: Callable[[], FullTrainer], checkpoint: Path, ranks: Ranks
) -> tuple[FullTrainer, list[FullMetrics], str | None]:
    """Return the trainer, the metrics of its epochs, and the reason if a checkpoint cannot be used."""
    trainer = make()
    content, reason = _read(checkpoint, trainer) if ranks.leads else (None, None)
    content = ranks.told(content, trainer.device)
    if content is None:
        return trainer, [], reason
    try:
        return trainer, restore(content, checkpoint, trainer, FullMetrics), None
    except BadCheckpoint as error:
        # the state may have been loaded in part
        trainer.close()
        return make(), [], str(error)


def _read(checkpoint: Path, trainer: FullTrainer) -> tuple[bytes | None, str | None]:
    """Return the bytes of a checkpoint if there is one, or else the reason why it cannot be used."""
    if not checkpoint.is_file():
        return None, None
    try:
        return read_checkpoint(checkpoint, trainer), None
    except BadCheckpoint as error:
        return None, str(error)
