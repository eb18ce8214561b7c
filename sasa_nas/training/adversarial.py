"""Adversarial accuracy: accuracy on images changed, within limits, to mislead the network."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sasa_nas.data.batches import epoch_seed
from sasa_nas.data.splits import DatasetInfo, ImageSet, Standardisation
from sasa_nas.training.evaluate import evaluating

PixelNetwork = Callable[[Tensor], Tensor]
"""A function from pixels (B, C, H, W) in [0, 1] to logits (B, classes)."""


@dataclass(frozen=True)
class Attack:
    """Projected gradient descent in the maximum norm (Madry et al. 2018, arXiv 1706.06083, section 2.1).

    Attributes:
        epsilon: The largest change of a pixel, which lies in [0, 1].
        steps: Number of gradient steps.
        step_size: The change of a pixel in one step.
        targeted: Whether each image is driven to one wrong class, drawn evenly (Kurakin et al. 2017,
            arXiv 1611.01236), rather than away from its own.

    Raises:
        ValueError: If a number is not positive, or not finite.
    """

    epsilon: float
    steps: int
    step_size: float
    targeted: bool = False

    def __post_init__(self) -> None:
        for name, value in (("epsilon", self.epsilon), ("steps", self.steps), ("step_size", self.step_size)):
            if not 0 < value < float("inf"):
                raise ValueError(f"{name} must be a positive number, got {value}")


STANDARD_ATTACK = Attack(epsilon=8 / 255, steps=10, step_size=2.5 * 8 / 255 / 10)
"""Default attack of the objective `robust_accuracy`, and of `make_attacks`."""


@dataclass(frozen=True)
class AttackedEvaluation:
    """A network's result on a whole part under an attack.

    Attributes:
        accuracy: Share of examples still classified as their label, in [0, 1].
        success: Share of examples classified as the attack's target; None for an attack without one.
    """

    accuracy: float
    success: float | None


def pgd(network: PixelNetwork, pixels: Tensor, labels: Tensor, attack: Attack, generator: torch.Generator) -> Tensor:
    """Return adversarial images: from a random start, steps of equal size along the gradient's sign, projected back.

    Only gradients of the images are computed; those of the network's parameters are left unchanged.

    Args:
        network: The network in evaluation mode, so that images do not depend on each other.
        pixels: (B, C, H, W), float32, in [0, 1].
        labels: (B,), int64: the images' own, or the targets of a targeted attack.
        attack: Size and number of the steps.
        generator: Random generator of the start, on the CPU.

    Returns:
        Pixels of the same shape in [0, 1], nowhere further than `attack.epsilon` from the given ones.
    """
    low = (pixels - attack.epsilon).clamp(min=0.0)
    high = (pixels + attack.epsilon).clamp(max=1.0)
    start = (2.0 * torch.rand(pixels.shape, generator=generator) - 1.0).to(pixels.device)
    adversarial = (pixels + attack.epsilon * start).clamp(low, high)
    ahead = -attack.step_size if attack.targeted else attack.step_size
    for _ in range(attack.steps):
        with torch.enable_grad():
            adversarial.requires_grad_()
            # a sum, so that an image's gradient does not shrink with the batch
            loss = F.cross_entropy(network(adversarial).float(), labels, reduction="sum")
            (gradient,) = torch.autograd.grad(loss, adversarial)
        adversarial = (adversarial.detach() + ahead * gradient.sign()).clamp(low, high)
    return adversarial


def draw_targets(labels: Tensor, num_classes: int, generator: torch.Generator) -> Tensor:
    """Return a wrong class for each label, all wrong ones equally likely.

    Args:
        labels: (B,), int64: index of each image's class.
        num_classes: Number of classes, at least 2.
        generator: Random generator, on the CPU.

    Returns:
        (B,), int64, on the labels' device.
    """
    offsets = torch.randint(1, num_classes, labels.shape, generator=generator).to(labels.device)
    return (labels + offsets) % num_classes


def pixel_network(network: nn.Module, scale: Standardisation, pixel_max: float) -> PixelNetwork:
    """Return a network of standardised images as a function of pixels in [0, 1]."""

    def logits(pixels: Tensor) -> Tensor:
        answer: Tensor = network(scale.apply(pixels * pixel_max))
        return answer

    return logits


def pixels_of(inputs: Tensor, scale: Standardisation, pixel_max: float) -> Tensor:
    """Return the pixels in [0, 1] that standardised images (B, C, H, W) came from, to within rounding."""
    return ((inputs * scale.std + scale.mean) / pixel_max).clamp(0.0, 1.0)


def evaluate_attacked(
    network: nn.Module,
    data: ImageSet,
    info: DatasetInfo,
    scale: Standardisation,
    attack: Attack,
    *,
    seed: int,
    batch_size: int = 256,
) -> AttackedEvaluation:
    """Attack every example of `data`, with the network in evaluation mode; restore its mode.

    All is computed in float32, as in bfloat16 an attack would seem weaker than it is.

    Args:
        network: A module from standardised images (B, C, H, W) to logits (B, classes), on the data's device.
        data: The examples, at least one.
        info: Facts with the number of classes and a pixel's largest value.
        scale: Statistics by which raw pixels were standardised.
        attack: The attack.
        seed: Seed of random starts and targets, which also depend on `batch_size`.
        batch_size: Examples per batch.

    Raises:
        ValueError: If `data` is empty.
    """
    if len(data) == 0:
        raise ValueError("data: expected at least one example")
    device = data.device
    scale = scale.to(device)
    logits = pixel_network(network, scale, info.pixel_max)
    right = torch.zeros((), dtype=torch.int64, device=device)
    fooled = torch.zeros((), dtype=torch.int64, device=device)
    with evaluating(network):
        for start in range(0, len(data), batch_size):
            here = slice(start, start + batch_size)
            labels = data.labels[here]
            generator = torch.Generator().manual_seed(epoch_seed(seed, start))
            aims = draw_targets(labels, info.num_classes, generator) if attack.targeted else labels
            pixels = pixels_of(data.inputs(here), scale, info.pixel_max)
            adversarial = pgd(logits, pixels, aims, attack, generator)
            with torch.inference_mode():
                answers = logits(adversarial).argmax(1)
            right += (answers == labels).sum()
            fooled += (answers == aims).sum()
    success = fooled.item() / len(data) if attack.targeted else None
    return AttackedEvaluation(accuracy=right.item() / len(data), success=success)
