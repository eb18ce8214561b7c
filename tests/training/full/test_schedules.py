"""Learning rates of all presets over all updates against timm's, torch's and FFCV's."""

import bisect
import math
from collections.abc import Callable

import pytest
import torch
from torch import nn

from sasa_nas.recipes import Cosine, Steps, Triangle, load_recipe
from sasa_nas.recipes.schedules import Schedule
from sasa_nas.training.full.schedules import factor_at

PER_EPOCH = 4


def rates(name: str) -> list[float]:
    recipe = load_recipe(name)
    peak = recipe.optimizer.learning_rate
    steps = range(recipe.epochs * PER_EPOCH)
    return [peak * factor_at(recipe.schedule, step, steps_per_epoch=PER_EPOCH, epochs=recipe.epochs) for step in steps]


@pytest.mark.parametrize(("name", "epochs"), [("ffcv_16", 16), ("ffcv_88", 88)])
def test_ffcv(name: str, epochs: int) -> None:
    # the rate at the beginning of each epoch by the published function, then a line to the next
    def at(epoch: float) -> float:
        if epoch <= 2:
            return 1.7e-4 + (1.7 - 1.7e-4) * epoch / 2
        return 1.7 * (epochs - epoch) / (epochs - 2)

    wanted = [
        at(epoch) + (at(epoch + 1) - at(epoch)) * step / PER_EPOCH
        for epoch in range(epochs)
        for step in range(PER_EPOCH)
    ]
    assert rates(name) == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("name", ["rsb_a3", "rsb_a2"])
def test_rsb(name: str) -> None:
    scheduler = pytest.importorskip("timm.scheduler")
    recipe = load_recipe(name)
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=recipe.optimizer.learning_rate)
    timm = scheduler.CosineLRScheduler(
        optimizer, t_initial=recipe.epochs, lr_min=1e-6, warmup_t=5, warmup_lr_init=1e-4, t_in_epochs=True
    )
    wanted = []
    for epoch in range(recipe.epochs):
        wanted += [optimizer.param_groups[0]["lr"]] * PER_EPOCH
        timm.step(epoch + 1)
    assert rates(name) == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize(("name", "peak", "warmup"), [("sasa_130", 1.6, 10), ("aa_cifar_500", 0.2, 25)])
def test_a_cosine_after_a_warmup(name: str, peak: float, warmup: int) -> None:
    # torch's own, one after the other
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=peak)
    up = warmup * PER_EPOCH
    rising = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=1 / up, total_iters=up - 1)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, load_recipe(name).epochs * PER_EPOCH - up)
    both = torch.optim.lr_scheduler.SequentialLR(optimizer, [rising, falling], [up])
    wanted = []
    for _ in rates(name):
        wanted.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        both.step()
    assert rates(name) == pytest.approx(wanted, abs=1e-6)


def test_aa_imagenet() -> None:
    rising = [0.512 * (step + 1) / (5 * PER_EPOCH) for step in range(5 * PER_EPOCH)]
    falling = [
        0.512 * 0.1 ** bisect.bisect_right([30, 60, 80, 90], step / PER_EPOCH)
        for step in range(5 * PER_EPOCH, 100 * PER_EPOCH)
    ]
    wanted = rising + falling
    assert rates("aa_100") == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize(
    ("schedule", "at"),
    [
        (Cosine(), lambda time: 0.5 * (1 + math.cos(math.pi * time / 3))),
        (Cosine(final=0.5, by_epoch=True), lambda time: 0.75 + 0.25 * math.cos(math.pi * int(time) / 3)),
        (Triangle(), lambda time: 1 - time / 3),
        (Steps(at=(1, 2), factor=0.5), lambda time: 0.5 ** int(time)),
        (Steps(at=(5,)), lambda time: 1.0),
    ],
    ids=repr,
)
def test_without_a_warmup_the_first_step_has_the_peak(schedule: Schedule, at: Callable[[float], float]) -> None:
    found = [factor_at(schedule, step, steps_per_epoch=2, epochs=3) for step in range(6)]
    assert found == pytest.approx([at(step / 2) for step in range(6)])
    assert found[0] == 1.0


@pytest.mark.parametrize("by_epoch", [True, False])
def test_a_warmup_from_zero_has_no_step_at_zero(by_epoch: bool) -> None:
    schedule = Cosine(warmup_epochs=2, by_epoch=by_epoch)
    found = [factor_at(schedule, step, steps_per_epoch=2, epochs=4) for step in range(4)]
    assert found == pytest.approx([0.5, 0.5, 1.0, 1.0] if by_epoch else [0.25, 0.5, 0.75, 1.0])
