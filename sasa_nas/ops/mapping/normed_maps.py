"""A norm and a ReLU of whole maps in float32, for what of a mapping is no larger than a map."""

import functools

import torch
from torch import Tensor

from sasa_nas.ops.mapping.layer import MappingLayer


class NormedMaps:
    """Maps as the norm of a layer takes them.

    Args:
        maps: `(B, C, H, W)`.
        layer: Layer with the norm.

    Attributes:
        statistics: Mean and biased variance that it normalises with, `(C,)` float32.
    """

    def __init__(self, maps: Tensor, layer: MappingLayer) -> None:
        self._maps, self._layer = maps.float(), layer
        if layer.mean is None or layer.variance is None:
            variance, mean = torch.var_mean(self._maps, (0, 2, 3), correction=0)
            self.statistics = mean, variance
        else:
            self.statistics = layer.mean.float(), layer.variance.float()

    def active(self) -> Tensor:
        """Return the norm's results after the ReLU."""
        layer = self._layer
        return (self._standard * _along(layer.norm_weight) + _along(layer.norm_bias)).relu()

    def gradient(self, grad: Tensor) -> tuple[Tensor, Tensor]:
        """Return the gradient of the maps, through the batch's statistics where they were taken.

        Args:
            grad: Gradient of the results of `active`, float32.

        Returns:
            The gradient, and `(2, C)`: those of the norm's bias and weight.
        """
        grad = torch.where(self.active() > 0, grad, 0.0)
        sums = torch.stack([(grad * factor).sum((0, 2, 3)) for factor in (1.0, self._standard)])
        through = grad
        if self._layer.mean is None:
            pull, tilt = sums * (sums.shape[1] / grad.numel())
            through = grad - _along(pull) - self._standard * _along(tilt)
        return through * _along(self._layer.norm_weight * self._deviation), sums

    @functools.cached_property
    def _standard(self) -> Tensor:
        return (self._maps - _along(self.statistics[0])) * _along(self._deviation)

    @property
    def _deviation(self) -> Tensor:
        return (self.statistics[1] + self._layer.eps).rsqrt()


def _along(channels: Tensor) -> Tensor:
    return channels.float()[:, None, None]
