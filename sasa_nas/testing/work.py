"""Work of a forward pass, counted from the operations of torch that run, not from registered counts.

Products are counted if they are summed: in matrix products and convolutions, by torch's own formulas, and when two
tensors are multiplied elementwise and the products then summed over a dimension. Operators of torch's library
that have a registered decomposition are replaced by it first, so that custom kernels count as their plain forms.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from sasa_nas.operators.decompositions import decompositions

aten = torch.ops.aten

_PRODUCTS = {aten.mul.Tensor, aten.mul_.Tensor}
_SUMS = {aten.sum.dim_IntList, aten.sum.default, aten.mean.dim, aten.mean.default}
_ADDITIONS = {aten.add.Tensor, aten.add_.Tensor, aten.sub.Tensor}
_FUSED = {aten.addcmul.default, aten.addcmul_.default}
_SOFTMAX = {aten._softmax.default, aten._safe_softmax.default}
_POOLS = {
    aten.avg_pool2d.default,
    aten._adaptive_avg_pool2d.default,
    aten.max_pool2d_with_indices.default,
    aten.adaptive_max_pool2d.default,
}


@dataclass
class Work:
    """Measured work.

    Attributes:
        summed: Multiply-accumulates: products that were summed.
        added: Products of tensors that were added to another tensor, which may be multiply-accumulates written as a
            loop, or a scale and a shift.
        softmax: Number of elements of softmaxes.
        pooled: Input elements of pools.
        opaque: Operators from outside torch with neither a decomposition nor a formula.
    """

    summed: int = 0
    added: int = 0
    softmax: int = 0
    pooled: int = 0
    opaque: list[str] = field(default_factory=list)


def work_of(module: nn.Module, x: Tensor) -> Work:
    """Run a module on a batch of one and return its work.

    Args:
        module: The module, on the CPU, in evaluation mode.
        x: The input.
    """
    watch = _Watch(decompositions())
    # torch's own attention as matrix products, whichever form would run
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), watch:
        module(x)
    return watch.work


class _Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Mode that counts the work of operations."""

    def __init__(self, table: Mapping[Any, Callable[..., Any]]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.work = Work()
        self._table = table
        self._products: dict[StorageWeakRef, Tensor] = {}

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        named = dict(kwargs or {})
        if func in self._table:
            with self:
                return self._table[func](*args, **named)
        formula = flop_registry.get(func._overloadpacket)
        if formula is None:
            # what a decomposition calls arrives here as it is written, einsum and softmax among it
            with self:
                out = func.decompose(*args, **named)
            if out is not NotImplemented:
                return out
        out = func(*args, **named)
        if formula is not None:
            self.work.summed += formula(*args, **named, out_val=out) // 2
        elif func.namespace not in ("aten", "prims", "prim"):
            self.work.opaque.append(str(func))
        self._note(func, args, out)
        return out

    def _note(self, func: Any, args: tuple[Any, ...], out: Any) -> None:
        if func in _PRODUCTS and all(isinstance(one, Tensor) and one.numel() > 1 for one in args[:2]):
            # kept alive, lest another tensor comes to lie in its place
            self._products[_place(out)] = out
        elif func in _SUMS and _place(args[0]) in self._products:
            self.work.summed += args[0].numel()
        elif func in _ADDITIONS:
            products = [one for one in args[:2] if isinstance(one, Tensor) and _place(one) in self._products]
            self.work.added += max((one.numel() for one in products), default=0)
        elif func in _FUSED:
            self.work.added += out.numel()
        elif func in _SOFTMAX:
            self.work.softmax += out.numel()
        elif func in _POOLS:
            self.work.pooled += args[0].numel()


def _place(tensor: Tensor) -> StorageWeakRef:
    """Return a reference to a tensor's storage, which views share."""
    return StorageWeakRef(tensor.untyped_storage())  # type: ignore[no-untyped-call]
