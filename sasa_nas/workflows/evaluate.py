"""Evaluation of a trained network on plain images, on rotated and flipped ones, and under attack."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict
from torch import nn

from sasa_nas.data.splits import ImageSet
from sasa_nas.errors import UserError
from sasa_nas.run.trained import find_trained
from sasa_nas.run.training_records import Share, Spread
from sasa_nas.training.adversarial import Attack, evaluate_attacked
from sasa_nas.training.device import pick_device
from sasa_nas.training.evaluate import evaluate
from sasa_nas.training.transforms import FLIPS, ROTATIONS, transformed
from sasa_nas.workflows.loading import TestedData, load_data, load_network, within_memory

Split = Literal["validation", "test"]


@dataclass(frozen=True)
class EvaluationSettings:
    """Settings of an evaluation.

    Attributes:
        dataset: Name of the data set; if None, the one that the network was trained on.
        split: Split of the data set.
        rotations: Whether to evaluate on images rotated by 90, 180 and 270 degrees, too.
        flips: Whether to evaluate on images flipped vertically and horizontally, too.
        attacks: Adversarial attacks to evaluate under, too.
        seed: Seed of the attacks' random starts and targets.
        batch_size: Images per batch.
        data_dir: Folder of data sets; if None, the default one.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
    """

    dataset: str | None = None
    split: Split = "validation"
    rotations: bool = False
    flips: bool = False
    attacks: tuple[Attack, ...] = ()
    seed: int = 0
    batch_size: int = 256
    data_dir: Path | None = None
    device: str = "auto"


class AttackRecord(BaseModel):
    """An `Attack` in the printed data."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    epsilon: float
    steps: int
    step_size: float
    targeted: bool


class Measurement(BaseModel):
    """A measured accuracy of a network, over its seeds."""

    model_config = ConfigDict(frozen=True)

    name: str
    """`clean`, one of the rotations and flips, or `pgd`."""
    accuracy: Spread
    accuracies: tuple[Share, ...]
    """Accuracy of each seed, in the report's order."""
    attack: AttackRecord | None = None
    success: Spread | None = None
    """Share of images classified as the target of a targeted attack; None for other measurements."""


class EvaluationReport(BaseModel):
    """Results of `evaluate_network`."""

    model_config = ConfigDict(frozen=True)

    target: str
    architecture_id: str
    dataset: str
    split: Split
    images: int
    seeds: tuple[int | None, ...]
    """Seed of each file of weights; None if it is unknown."""
    measurements: tuple[Measurement, ...]


@dataclass(frozen=True)
class _SeedMeasurement:
    """Result of one measurement of one network."""

    name: str
    accuracy: float
    attack: Attack | None = None
    success: float | None = None


def make_attacks(
    epsilons: Sequence[float], steps: Sequence[int], *, step_size: float | None = None, targeted: bool = False
) -> tuple[Attack, ...]:
    """Return an attack for every pair of a limit and a number of steps.

    Args:
        epsilons: Largest changes of a pixel in [0, 1].
        steps: Numbers of steps.
        step_size: Step size of all attacks; default: 2.5 epsilon / steps, which reaches every side of the ball
            from every start (Madry et al. 2018, arXiv 1706.06083).
        targeted: Whether each attack aims at a random other class.

    Raises:
        UserError: If a number is not positive and finite.

    Examples:
        >>> [attack.steps for attack in make_attacks([8 / 255], [1, 10])]
        [1, 10]
    """
    try:
        return tuple(
            Attack(epsilon, count, 2.5 * epsilon / max(count, 1) if step_size is None else step_size, targeted)
            for epsilon in epsilons
            for count in steps
        )
    except ValueError as error:
        raise UserError(f"no such attack: {error}") from error


def evaluate_network(target: Path, settings: EvaluationSettings) -> EvaluationReport:
    """Measure the trained network of a folder; nothing is written.

    Args:
        target: The folder of a training (all its finished seeds are measured), of a trial or of an export.
        settings: Settings of the evaluation. Images are standardised by their own data set's train part.

    Raises:
        UserError: If there is no trained network or no data for it, or the weights are another network's.
    """
    device = pick_device(settings.device)
    trained = find_trained(target)
    splits = load_data(target, trained, settings.dataset, settings.data_dir)
    part = (splits.validation if settings.split == "validation" else splits.load_test()).to(device)
    answers: list[list[_SeedMeasurement]] = []
    with within_memory(settings.batch_size):
        for weights in trained.weights:
            network = load_network(trained.architecture, weights.path, device)
            answers.append(list(_measure(network, part, splits, settings)))
    return EvaluationReport(
        target=str(target),
        architecture_id=trained.architecture.id,
        dataset=splits.info.name,
        split=settings.split,
        images=len(part),
        seeds=tuple(weights.seed for weights in trained.weights),
        measurements=tuple(map(_combined, zip(*answers, strict=True))),
    )


def _measure(
    network: nn.Module, part: ImageSet, splits: TestedData, settings: EvaluationSettings
) -> Iterator[_SeedMeasurement]:
    """Yield all requested measurements of one network, always in the same order."""
    size = settings.batch_size
    yield _SeedMeasurement("clean", evaluate(network, part, batch_size=size).accuracy)
    views = (ROTATIONS if settings.rotations else {}) | (FLIPS if settings.flips else {})
    for name, view in views.items():
        yield _SeedMeasurement(name, evaluate(network, transformed(part, view), batch_size=size).accuracy)
    for attack in settings.attacks:
        result = evaluate_attacked(
            network, part, splits.info, splits.standardisation, attack, seed=settings.seed, batch_size=size
        )
        yield _SeedMeasurement("pgd", result.accuracy, attack, result.success)


def _combined(answers: Sequence[_SeedMeasurement]) -> Measurement:
    """Return one measurement of several networks, combined."""
    accuracies = tuple(answer.accuracy for answer in answers)
    successes = [answer.success for answer in answers if answer.success is not None]
    first = answers[0]
    return Measurement(
        name=first.name,
        accuracy=Spread.of(accuracies),
        accuracies=accuracies,
        attack=None if first.attack is None else AttackRecord.model_validate(first.attack),
        success=Spread.of(successes) if successes else None,
    )
