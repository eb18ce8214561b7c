"""Networks of shapes without values, on torch's meta device, at a fraction of its price.

The meta device knows the shapes of most operations at once. For batch norm, ReLU and random weights, of which residual
networks have the most, it runs decompositions in Python instead, up to four milliseconds each. Here they are what they
come to: a map of the input's shape, what autograd keeps for their backward passes, and nothing at all.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx
from torch.overrides import TorchFunctionMode

_FILLS = frozenset({nn.init.kaiming_uniform_, nn.init.uniform_})
"""What sets initial weights, of which there are none on the meta device."""


class _BatchNorm(torch.autograd.Function):
    """Keeps its input, its weight, and mean and inverse deviation of each channel."""

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, weight: Tensor | None) -> Tensor:
        channels = x.shape[1]
        weights = () if weight is None else (weight,)
        ctx.save_for_backward(x, *weights, x.new_empty(channels), x.new_empty(channels))
        return x.new_empty(x.shape)


class _ReLU(torch.autograd.Function):
    """Keeps its output."""

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor) -> Tensor:
        output = x.new_empty(x.shape)
        ctx.save_for_backward(output)
        return output


@contextmanager
def shapes_alone() -> Iterator[None]:
    """Within it modules and tensors are made on the meta device, and pass quickly; nothing may be on another device."""
    with _Shortcuts(), torch.device("meta"):
        yield


class _Shortcuts(TorchFunctionMode):
    """Answers for the operations above and passes all others on."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        named = kwargs or {}
        if func in _FILLS:
            return named["tensor"]
        if func is F.relu:
            return _ReLU.apply(args[0])
        if func is F.batch_norm:
            return _BatchNorm.apply(args[0], named.get("weight"))
        return func(*args, **named)
