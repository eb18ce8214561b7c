"""Fast shape inference on torch's meta device.

The meta device has fast kernels for most operations. For batch norm, ReLU and random weights, which are most of a
residual network's, it runs decompositions in Python instead, up to four milliseconds each. Here they are replaced by
their effect: a map of the input's shape and the tensors that autograd keeps; random weights are not drawn.
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
"""Functions that set initial weights, which the meta device does not have."""


class _BatchNorm(torch.autograd.Function):
    """Batch norm that keeps its input, its weight, and mean and inverse deviation of each channel."""

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, weight: Tensor | None) -> Tensor:
        channels = x.shape[1]
        weights = () if weight is None else (weight,)
        ctx.save_for_backward(x, *weights, x.new_empty(channels), x.new_empty(channels))
        return x.new_empty(x.shape)


class _ReLU(torch.autograd.Function):
    """ReLU that keeps its output."""

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor) -> Tensor:
        output = x.new_empty(x.shape)
        ctx.save_for_backward(output)
        return output


@contextmanager
def shapes_alone() -> Iterator[None]:
    """Run a `with` block on the meta device with fast operations; no other device is allowed."""
    with _Shortcuts(), torch.device("meta"):
        yield


class _Shortcuts(TorchFunctionMode):
    """Mode that replaces the operations above and forwards all others."""

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
