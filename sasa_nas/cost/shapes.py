"""Fast shape inference on torch's meta device.

The meta device has fast kernels for most operations. For batch norm, ReLU, sums, negations, concatenations and random
weights, which are most of a residual network's, and for the resizing of maps, it runs decompositions in Python
instead, up to four milliseconds each, sixteen for the latter; the first of them imports torch's compiler, which takes
more than a second. Here they are replaced by their effect: a map of the output's shape and the tensors that autograd
keeps; random weights are not drawn.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx
from torch.overrides import TorchFunctionMode

_FILLS = frozenset({nn.init.kaiming_uniform_, nn.init.uniform_})
"""Functions that set initial weights, which the meta device does not have."""

_SUMS = frozenset({torch.add, Tensor.add, Tensor.__add__})
_NEGATIONS = frozenset({torch.neg, Tensor.neg, Tensor.__neg__})
_PRODUCTS = frozenset({torch.mul, Tensor.mul, Tensor.__mul__})


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


class _Sum(torch.autograd.Function):
    """Sum of two tensors, or product of a tensor and a number or -1, that keeps nothing."""

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, y: Tensor | None) -> Tensor:
        shape = x.shape if y is None else torch.broadcast_shapes(x.shape, y.shape)  # type: ignore[no-untyped-call]
        return x.new_empty(shape)


class _Resized(torch.autograd.Function):
    """Map of another size, that keeps nothing."""

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, size: tuple[int, ...]) -> Tensor:
        return x.new_empty(*x.shape[:2], *size)


class _Joined(torch.autograd.Function):
    """Concatenation that keeps nothing."""

    @staticmethod
    def forward(ctx: FunctionCtx, shape: tuple[int, ...], *tensors: Tensor) -> Tensor:
        return tensors[0].new_empty(shape)


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
        if func in _NEGATIONS:
            return _Sum.apply(args[0], None)
        if func in _SUMS or func in _PRODUCTS:
            terms = _same_type(args) if not named else None
            if terms is not None and (func in _SUMS or terms[1] is None):
                return _Sum.apply(*terms)
        if func is F.interpolate and not isinstance(named.get("size"), int | None):
            return _Resized.apply(args[0], tuple(named["size"]))
        if func in (torch.cat, torch.stack) and len({tensor.dtype for tensor in args[0]}) == 1:
            return _Joined.apply(_joined_shape(func is torch.stack, *args, **named), *args[0])
        return func(*args, **named)


def _joined_shape(new: bool, tensors: Sequence[Tensor], dim: int = 0) -> tuple[int, ...]:
    """Return the shape of tensors concatenated along an axis, or stacked along a new one."""
    shape = list(tensors[0].shape)
    if new:
        shape.insert(dim % (len(shape) + 1), len(tensors))
    else:
        shape[dim] = sum(tensor.shape[dim] for tensor in tensors)
    return tuple(shape)


def _same_type(args: tuple[Any, ...]) -> tuple[Tensor, Tensor | None] | None:
    """Return a tensor and its summand, None for a number; return None if their types differ."""
    match args:
        case (Tensor() as x, Tensor() as y) if x.dtype == y.dtype:
            return x, y
        case (Tensor() as x, int() | float()) if x.is_floating_point():
            return x, None
    return None
