"""Sums of products as matrix products, for runtimes that compute no `einsum`, or a wrong one."""

import math
import string
from collections.abc import Collection, Sequence

from torch import Tensor


def einsum_by_matmul(equation: str, operands: Sequence[Tensor], *, path: Sequence[int] | None = None) -> Tensor:
    """Return `torch.einsum` by matrix products, with axes permuted and merged around them.

    OpenVINO 2026.4 computes other numbers from ONNX's `Einsum` where the number of images is left open.

    Args:
        equation: A list of axes for each operand, with commas between; behind an arrow that of the result. An ellipsis
            stands for as many axes in all operands that have one.
        operands: The operands, multiplied from left to right.
        path: An order of the products, which is not followed.

    Raises:
        ValueError: If an operand has an axis twice.
    """
    terms, out = _explicit(equation, [operand.ndim for operand in operands])
    if any(len(set(term)) < len(term) for term in terms):
        raise ValueError(f"einsum of {equation} has an axis of one operand twice; write it as a diagonal")
    axes, found = terms[0], operands[0]
    for i, (other_axes, other) in enumerate(zip(terms[1:], operands[1:], strict=True), start=2):
        axes, found = _product(axes, found, other_axes, other, kept={*out, *"".join(terms[i:])})
    axes, found = _summed(axes, found, kept=out)
    return found.permute([axes.index(axis) for axis in out])


def _explicit(equation: str, ranks: Sequence[int]) -> tuple[list[str], str]:
    """Return the axes of each operand and of the result, without ellipses."""
    inputs, arrow, out = equation.replace(" ", "").partition("->")
    terms = inputs.split(",")
    unused = [letter for letter in string.ascii_letters if letter not in equation]
    counts = [rank - len(term) + 3 if "..." in term else 0 for term, rank in zip(terms, ranks, strict=True)]
    some = "".join(unused[: max(counts)])
    terms = [term.replace("...", some[len(some) - count :]) for term, count in zip(terms, counts, strict=True)]
    if not arrow:
        every = "".join(terms)
        out = some + "".join(sorted(axis for axis in set(every) - set(some) if every.count(axis) == 1))
    return terms, out.replace("...", some)


def _product(left: str, a: Tensor, right: str, b: Tensor, *, kept: Collection[str]) -> tuple[str, Tensor]:
    """Return the axes and the product of two operands, summed over the axes that are not kept."""
    left, a = _summed(left, a, kept={*kept, *right})
    right, b = _summed(right, b, kept={*kept, *left})
    sizes = dict(zip(right, b.shape, strict=True)) | dict(zip(left, a.shape, strict=True))
    batch = [axis for axis in left if axis in right and axis in kept]
    inner = [axis for axis in left if axis in right and axis not in kept]
    rows, columns = ([axis for axis in one if axis not in other] for one, other in ((left, right), (right, left)))

    def merged(operand: Tensor, axes: str, first: list[str], second: list[str]) -> Tensor:
        ordered = operand.permute([axes.index(axis) for axis in (*batch, *first, *second)])
        sides = (math.prod(sizes[axis] for axis in group) for group in (first, second))
        return ordered.reshape([*(sizes[axis] for axis in batch), *sides])

    product = merged(a, left, rows, inner) @ merged(b, right, inner, columns)
    axes = "".join((*batch, *rows, *columns))
    return axes, product.reshape([sizes[axis] for axis in axes])


def _summed(axes: str, operand: Tensor, *, kept: Collection[str]) -> tuple[str, Tensor]:
    """Return an operand summed over the axes that are not kept, and its axes."""
    gone = [i for i, axis in enumerate(axes) if axis not in kept]
    return "".join(axis for axis in axes if axis in kept), operand.sum(gone) if gone else operand
