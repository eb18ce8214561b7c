"""Stochastic depth."""

from torch import Tensor, nn


class DropPath(nn.Module):
    """Stochastic depth (Huang et al., 2016, arXiv 1603.09382): a residual branch, left out for some images of a batch.

    In training, each image's branch is zero with probability `rate`, and else scaled by `1 / (1 - rate)`, so that its
    expectation is unchanged. In evaluation, and at a rate of 0, it is the identity and draws no random numbers.

    Args:
        rate: Probability that an image's branch is left out, in [0, 1).
    """

    def __init__(self, rate: float = 0.0) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, branch: Tensor) -> Tensor:
        """Map (B, ...) to the same shape."""
        if self.rate == 0.0 or not self.training:
            return branch
        kept = branch.new_empty(branch.shape[:1] + (1,) * (branch.ndim - 1)).bernoulli_(1.0 - self.rate)
        return branch * kept.div_(1.0 - self.rate)


def set_drop_path(model: nn.Module, rate: float) -> None:
    """Set the rates of all blocks, which rise linearly from 0 at the first to `rate` at the last.

    Args:
        model: The network, changed in place.
        rate: Probability that the last block's branch is left out for an image, in [0, 1).

    Raises:
        ValueError: If `rate` is outside its range, or above 0 for a network without residual blocks.
    """
    if not 0.0 <= rate < 1.0:
        raise ValueError(f"rate must be at least 0 and below 1, got {rate}")
    paths = [module for module in model.modules() if isinstance(module, DropPath)]
    if rate and not paths:
        raise ValueError(f"rate={rate} cannot be set: the network has no residual blocks")
    for i, path in enumerate(paths):
        path.rate = rate * i / (len(paths) - 1) if len(paths) > 1 else rate
