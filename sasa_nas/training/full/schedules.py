"""Learning rates over a training, as pure functions of the step, so that resuming needs no scheduler's state."""

import math

from sasa_nas.recipes.schedules import Cosine, Schedule, Steps, Triangle


def factor_at(schedule: Schedule, step: int, *, steps_per_epoch: int, epochs: int) -> float:
    """Return the learning rate of a step as a factor of the peak.

    Args:
        schedule: The recipe's schedule.
        step: Number of steps before, from 0 to `epochs * steps_per_epoch - 1`.
        steps_per_epoch: Steps of an epoch.
        epochs: Epochs of the whole training.
    """
    time = step // steps_per_epoch if schedule.by_epoch else step / steps_per_epoch
    warmup = schedule.warmup_epochs
    if time < warmup:
        if schedule.warmup_from == 0.0:
            stride = 1.0 if schedule.by_epoch else 1.0 / steps_per_epoch
            return min(1.0, (time + stride) / warmup)
        return schedule.warmup_from + (1.0 - schedule.warmup_from) * time / warmup
    match schedule:
        case Cosine():
            start = warmup if schedule.after_warmup else 0.0
            share = (time - start) / (epochs - start)
            return schedule.final + (1.0 - schedule.final) * 0.5 * (1.0 + math.cos(math.pi * share))
        case Steps():
            return float(schedule.factor ** sum(time >= epoch for epoch in schedule.at))
        case Triangle():
            return (epochs - time) / (epochs - warmup)
