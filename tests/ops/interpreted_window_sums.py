"""The Triton kernels of sums over windows beside the plain forms in float64: what an `Interpreter` is asked to call."""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from interpreted_kernels import difference
from torch import Tensor

from sasa_nas.ops.aggregation import naive as aggregation
from sasa_nas.ops.relation import naive as relation
from sasa_nas.ops.windows import reflected_windows

Layout = Literal["contiguous", "channels_last", "inside_nan", "expanded"]


@dataclass(frozen=True)
class SumsCase:
    """One call of every sum; shapes are those of `window_sums.sums`."""

    height: int = 3
    width: int = 4
    kernel_size: int = 3
    weight_channels: int = 2
    groups: int = 2
    batch: int = 1
    dtype: Literal["float32", "float16"] = "float32"
    layout: Layout = "contiguous"

    @property
    def maps(self) -> tuple[int, ...]:
        """The shape of a map."""
        return self.batch, self.weight_channels * self.groups, self.height, self.width

    def weights(self, channels: int) -> tuple[int, ...]:
        """The shape of weights of so many channels."""
        return self.batch, channels, self.kernel_size**2, self.height, self.width


def laid_out(numbers: Tensor, layout: Layout) -> Tensor:
    """The same maps or weights, channels the second axis, in another memory layout."""
    if layout == "channels_last":
        return numbers.movedim(1, -1).contiguous().movedim(-1, 1)
    if layout == "inside_nan":
        around = numbers.new_full([size + 2 for size in numbers.shape], float("nan"))
        return around[tuple(slice(1, size + 1) for size in numbers.shape)].copy_(numbers)
    return numbers[:1].expand_as(numbers) if layout == "expanded" else numbers


def inputs_of(case: SumsCase) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Weights, a center, a map to show, and weights of a channel for every channel."""
    generator = torch.Generator().manual_seed(0)
    shapes = (case.weights(case.weight_channels), case.maps, case.maps, case.weights(case.maps[1]))
    dtype = getattr(torch, case.dtype)
    weights, center, shown, compared = (
        laid_out(torch.randn(shape, generator=generator).to(dtype), case.layout) for shape in shapes
    )
    return weights, center, shown, compared


def exact(case: SumsCase) -> dict[str, Tensor]:
    """All sums by the plain forms in float64 and autograd."""
    weights, center, shown, compared = (tensor.double().contiguous().requires_grad_() for tensor in inputs_of(case))
    summed = aggregation.aggregate(weights, shown, kernel_size=case.kernel_size)
    products, spread = torch.autograd.grad(summed, (weights, shown), center)
    related = relation.pairwise_relation(center, shown, kernel_size=case.kernel_size, kind="subtraction")
    collected, scattered = torch.autograd.grad(related, (center, shown), compared)
    results = {
        **{"weighted_sums": summed, "products": products, "spread_sums": spread, "comparisons": related},
        **{"center_sums": collected, "shown_sums": scattered, "windows": reflected_windows(shown, case.kernel_size)},
    }
    return {name: tensor.detach() for name, tensor in results.items()}


def computed(case: SumsCase) -> dict[str, Tensor]:
    """The same by the kernels; what they do not write is NaN."""
    from sasa_nas.ops.window_sums.triton_launch import KERNELS

    # memory that is not written to stays NaN
    torch.use_deterministic_algorithms(True)
    warnings.simplefilter("ignore", RuntimeWarning)
    weights, center, shown, compared = inputs_of(case)
    size = case.kernel_size
    # what is written to has the layout too, but for expanded ones
    place: Layout = "contiguous" if case.layout == "expanded" else case.layout
    products, related, windows = (
        laid_out(torch.full(like.shape, torch.nan, dtype=like.dtype), place) for like in (weights, compared, compared)
    )
    KERNELS.products(center, shown, size, products)
    KERNELS.comparisons(center, shown, size, -1, related)
    KERNELS.comparisons(None, shown, size, 1, windows)
    center_sums, shown_sums = KERNELS.comparison_sums(compared, shown, size, -1)
    return {
        **{"weighted_sums": KERNELS.weighted_sums(weights, shown, size), "products": products},
        **{"spread_sums": KERNELS.spread_sums(weights, center, size), "comparisons": related},
        **{"center_sums": center_sums, "shown_sums": shown_sums, "windows": windows},
    }


def errors_of_sums(case: SumsCase) -> dict[str, float]:
    """The kernels' largest differences from the exact sums, relative to the largest number or 1; NaN for NaN.

    For weights inside NaN, `beyond` is how many numbers around them were written.
    """
    ours, theirs = computed(case), exact(case)
    found = {name: difference(ours[name], theirs[name]) for name in theirs}
    if case.layout == "inside_nan":
        written = [(ours[name], ours[name]._base) for name in ("products", "comparisons", "windows")]
        found["beyond"] = float(
            sum(int((~base.isnan()).sum()) - weights.numel() for weights, base in written if base is not None)
        )
    return found


def reruns_of_sums_differ(case: SumsCase) -> bool:
    """Whether a second run of the kernels gives other bits."""
    first, second = computed(case), computed(case)
    return not all(torch.equal(first[name], second[name]) for name in first)


def error_of_sums_far_apart(case: SumsCase, folder: Path) -> float:
    """The error where the weights' images lie 2^31 elements apart, in a sparse file."""
    from sasa_nas.ops.window_sums.triton_launch import KERNELS

    weights, center, shown, _ = inputs_of(case)
    far = 2**31 // (case.batch - 1) + 64
    memory = torch.from_file(str(folder / "far"), shared=True, size=far * case.batch, dtype=weights.dtype)
    strides = (far, *weights.stride()[1:])
    apart, written = (memory.as_strided(weights.shape, strides, offset) for offset in (0, 2**15))
    apart.copy_(weights)
    KERNELS.products(center, shown, case.kernel_size, written)
    theirs = exact(case)
    return max(
        difference(written, theirs["products"]),
        difference(KERNELS.weighted_sums(apart, shown, case.kernel_size), theirs["weighted_sums"]),
        difference(KERNELS.spread_sums(apart, center, case.kernel_size), theirs["spread_sums"]),
    )
