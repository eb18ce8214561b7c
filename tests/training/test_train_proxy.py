import copy
import io
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from assertions import every
from torch import nn

from sasa_nas.data.digits import DIGITS, load_digits
from sasa_nas.data.splits import DatasetInfo, ImageSet
from sasa_nas.errors import UserError
from sasa_nas.space.proxy import Recipe
from sasa_nas.training import loop
from sasa_nas.training.loop import NonFiniteLoss
from sasa_nas.training.optim import learning_rate_at
from sasa_nas.training.proxy import Trainer
from sasa_nas.training.seeding import seeded

CPU = torch.device("cpu")
INFO = DatasetInfo("toy", channels=1, height=4, width=4, num_classes=2, flip=True, shift=1)


def small_net(num_classes=10, *, width=16, dropout=0.0):
    return nn.Sequential(
        nn.Conv2d(1, width, 3, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.Conv2d(width, 2 * width, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(2 * width),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(dropout),
        nn.LazyLinear(num_classes),
    )


def toy(count=40):
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(count) % 2
    images = torch.randn(count, 1, 4, 4, generator=generator) + labels.view(-1, 1, 1, 1)
    return ImageSet(images, labels)


def trainer(*, seed=0, weights=0, recipe=None, info=INFO, model=None, data=None):
    if model is None:
        with seeded(weights):
            model = small_net(2, width=4, dropout=0.2)
            model(torch.zeros(2, 1, 4, 4))
    data = toy() if data is None else data
    recipe = recipe or Recipe(epochs=4, batch_size=8)
    return Trainer(model, data, toy(10), info, recipe, seed=seed, device=CPU)


def numbers(metrics):
    return [(m.epoch, m.train_loss, m.accuracy, m.validation_loss) for m in metrics]


def test_learns_the_digits():
    splits = load_digits(DIGITS)
    with seeded(0):
        model = small_net()
        model(torch.zeros(2, 1, 8, 8))
    recipe = Recipe(epochs=4, learning_rate=0.01)
    metrics = list(Trainer(model, splits.train, splits.validation, DIGITS, recipe, seed=0, device=CPU).epochs())
    assert [m.epoch for m in metrics] == [1, 2, 3, 4]
    assert metrics[-1].accuracy > 0.9
    assert metrics[-1].train_loss < metrics[0].train_loss
    assert every(m.seconds_train > 0 and m.seconds_evaluate > 0 for m in metrics)


def test_same_seed_gives_the_same_bits_and_leaves_the_global_state_alone():
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    first, second = trainer(), trainer()
    assert numbers(first.epochs()) == numbers(second.epochs())
    for a, b in zip(first.model.state_dict().values(), second.model.state_dict().values(), strict=True):
        assert torch.equal(a, b)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_other_seed_or_weights_give_other_numbers():
    base = numbers(trainer().epochs())
    assert numbers(trainer(seed=1).epochs()) != base
    assert numbers(trainer(weights=1).epochs()) != base


@pytest.mark.parametrize("stop", [1, 3])
def test_resumed_training_equals_an_uninterrupted_one_bit_for_bit(stop):
    whole = trainer()
    expected = numbers(whole.epochs())
    first = trainer()
    for _ in range(stop):
        first.run_epoch()
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)
    resumed = trainer(weights=9)
    resumed.load_state_dict(torch.load(file, weights_only=True))
    assert numbers(resumed.epochs()) == expected[stop:]
    for a, b in zip(whole.model.state_dict().values(), resumed.model.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_models_own_draws_follow_seed_and_epoch():
    class Draws(Recorder):
        def forward(self, images):
            if self.training:
                self.drawn.append(torch.rand(()).item())
            return super().forward(images)

    def drawn(seed):
        model = Draws()
        model.drawn = []
        list(trainer(model=model, seed=seed, recipe=Recipe(epochs=2, batch_size=20)).epochs())
        return model.drawn

    assert drawn(0) == drawn(0)
    assert len({*drawn(0), *drawn(1)}) == 8


def test_model_handed_over_in_evaluation_mode_is_trained_in_train_mode():
    model = Recorder().eval()
    trainer(model=model).run_epoch()
    assert len(model.inputs) == 5


def test_no_epochs_beyond_the_recipe():
    done = trainer(recipe=Recipe(epochs=1, batch_size=8))
    assert len(list(done.epochs())) == 1
    assert list(done.epochs()) == []
    with pytest.raises(ValueError, match="1 epochs"):
        done.run_epoch()


class Recorder(nn.Module):
    """A linear network that keeps its train inputs, and breaks its output from a given step on."""

    def __init__(self, *, break_at=None, value=float("nan")):
        super().__init__()
        with seeded(0):
            self.linear = nn.Linear(16, 2)
        self.inputs = []
        self.break_at = break_at
        self.value = value

    def forward(self, images):
        if not self.training:
            return self.linear(images.flatten(1))
        self.inputs.append(images.clone())
        logits = self.linear(images.flatten(1))
        broken = self.break_at is not None and len(self.inputs) >= self.break_at
        return logits * self.value if broken else logits


def test_diverged_loss_is_reported_with_its_step():
    with pytest.raises(NonFiniteLoss, match=r"^train loss is nan at step 3 of epoch 2$"):
        list(trainer(model=Recorder(break_at=8)).epochs())


def test_divergence_stops_a_long_epoch_early(monkeypatch):
    monkeypatch.setattr(loop, "CHECK_EVERY", 4)
    model = Recorder(break_at=2)
    with pytest.raises(NonFiniteLoss, match="step 2 of epoch 1"):
        trainer(model=model, recipe=Recipe(epochs=2, batch_size=2)).run_epoch()
    assert len(model.inputs) == 4


def test_weights_broken_by_the_last_step_are_found_by_validation():
    class Breaks(Recorder):
        def forward(self, images):
            return super().forward(images) * (1.0 if self.training else float("inf"))

    with pytest.raises(NonFiniteLoss, match=r"^validation loss is .* after epoch 1$"):
        trainer(model=Breaks()).run_epoch()


def test_augmentation_follows_the_recipe_and_the_data_set():
    data = toy()
    known = {image.numpy().tobytes() for image in data.images}
    mirrored = {image.flip(-1).contiguous().numpy().tobytes() for image in data.images}

    def inputs(info, *, augment):
        model = Recorder()
        trainer(model=model, info=info, recipe=Recipe(epochs=1, batch_size=8, augment=augment), data=data).run_epoch()
        return [image.numpy().tobytes() for image in torch.cat(model.inputs)]

    assert set(inputs(INFO, augment=False)) == known
    assert not set(inputs(INFO, augment=True)) <= known | mirrored
    flipped = set(inputs(replace(INFO, shift=0), augment=True))
    assert flipped <= known | mirrored
    assert flipped & known
    assert flipped & mirrored
    assert set(inputs(replace(INFO, shift=0, flip=False), augment=True)) == known


def test_smoothing_changes_the_train_loss_and_not_the_validation_loss():
    recipe = Recipe(epochs=1, batch_size=40, learning_rate=1e-12, weight_decay=0.0)
    plain = trainer(model=Recorder(), recipe=recipe).run_epoch()
    smooth = trainer(model=Recorder(), recipe=recipe.model_copy(update={"label_smoothing": 0.2})).run_epoch()
    assert smooth.train_loss != plain.train_loss
    assert smooth.validation_loss == pytest.approx(plain.validation_loss, rel=1e-6)


def test_gradients_are_clipped():
    model = Recorder()
    norms = []
    one = trainer(model=model, recipe=Recipe(epochs=1, batch_size=8))
    with torch.no_grad():
        model.linear.weight.mul_(100)
    step = one.optimizer.step

    def spy():
        squares = sum(p.grad.double().square().sum().item() for p in model.parameters())
        norms.append(squares**0.5)
        return step()

    one.optimizer.step = spy
    one.run_epoch()
    assert max(norms) == pytest.approx(1.0, abs=1e-4)


def test_layout_changes_no_number_beyond_rounding():
    splits = load_digits(DIGITS)
    with seeded(0):
        model = small_net()
        model(torch.zeros(2, 1, 8, 8))
    plain = copy.deepcopy(model)
    recipe = Recipe(epochs=1, batch_size=600, learning_rate=0.01, weight_decay=0.1)
    trained = Trainer(model, splits.train, splits.validation, DIGITS, recipe, seed=0, device=CPU)
    # the same epoch written out, with torch's plain AdamW in the other layout
    decayed = [p for p in plain.parameters() if p.ndim > 1]
    others = [p for p in plain.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, foreach=False, fused=False)
    steps = len(trained.batches)
    for step, (images, labels) in enumerate(trained.batches.epoch(0)):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate_at(step, total_steps=steps, peak=0.01)
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(plain.train()(images), labels, label_smoothing=recipe.label_smoothing)
        loss.backward()
        nn.utils.clip_grad_norm_(plain.parameters(), 1.0)
        optimizer.step()
    trained.run_epoch()
    for mine, theirs in zip(model.parameters(), plain.parameters(), strict=True):
        assert torch.allclose(mine, theirs, atol=2e-4)


def test_batch_normalisation_on_one_pixel_survives_a_remainder_of_one():
    with seeded(0):
        model = nn.Sequential(nn.Conv2d(1, 3, 4), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(3, 2))
    run = trainer(model=model, data=toy(17), recipe=Recipe(epochs=1, batch_size=8))
    assert run.run_epoch().epoch == 1


@pytest.mark.parametrize(("count", "batch_size"), [(1, 8), (40, 1)])
def test_batch_of_one_is_refused(count, batch_size):
    with pytest.raises(UserError, match="batch of one"):
        trainer(data=toy(count), recipe=Recipe(batch_size=batch_size))


@pytest.mark.slow
def test_training_imports_neither_ray_nor_optuna():
    code = (
        "import sys, sasa_nas.training.proxy, sasa_nas.data.registry; "
        "print([name for name in ('ray', 'optuna', 'sasa_nas.searching', 'sasa_nas.cost') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
