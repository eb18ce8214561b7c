"""Small networks and images of these tests."""

import torch
from torch import Tensor, nn


def convolutions(seed: int = 0) -> nn.Sequential:
    """A network with kernels, norms, biases and a relative position, in float64."""
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 16, 5)
    )
    model.register_parameter("rel_height", nn.Parameter(torch.randn(3, 4)))
    return model.double()


def gradients(model: nn.Module, step: int) -> None:
    """Give every parameter a gradient of its own, larger than any limit in some steps."""
    generator = torch.Generator().manual_seed(step)
    for weight in model.parameters():
        noise = torch.randn(weight.shape, generator=generator, dtype=torch.float64)
        weight.grad = noise * (3.0 if step % 2 else 0.01)


def labelled_logits(batch: int = 8, classes: int = 5) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(batch, classes, generator=generator, dtype=torch.float64)
    return logits, torch.randint(classes, (batch,), generator=generator)
