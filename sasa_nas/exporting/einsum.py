"""Sums of products as matrix products, for runtimes that compute no `einsum`, or a wrong one."""

from collections.abc import Sequence

from torch import Tensor


def einsum_by_matmul(equation: str, operands: Sequence[Tensor], *, path: Sequence[int] | None = None) -> Tensor:
    """Return `torch.einsum` of two operands as one matrix product, with axes permuted and merged around it.

    OpenVINO 2026.4 computes other numbers where the number of images is left open (ONNX's `Einsum`).

    Args:
        equation: Two lists of axes and, behind the arrow, that of the result; no axis twice in a list, none of one
            operand alone that is summed over, and no ellipsis.
        operands: The two operands.
        path: Order of the products, of which there is one.

    Raises:
        ValueError: If the equation is of another form.
    """
    inputs, _, out = equation.replace(" ", "").partition("->")
    left, comma, right = inputs.partition(",")
    axes = (left, right, out)
    shared = set(left) & set(right)
    is_plain = comma and len(operands) == 2 and all(part.isalpha() and len(set(part)) == len(part) for part in axes)
    if not is_plain or set(out) | shared != set(left) | set(right):
        raise ValueError(f"einsum of {equation} is no product of two matrices")
    a, b = operands
    sizes = dict(zip(right, b.shape, strict=True)) | dict(zip(left, a.shape, strict=True))
    batch = [axis for axis in out if axis in shared]
    summed = [axis for axis in left if axis in shared and axis not in out]
    rows, columns = ([axis for axis in out if axis in part and axis not in shared] for part in (left, right))
    product = _merged(a, left, (batch, rows, summed), sizes) @ _merged(b, right, (batch, summed, columns), sizes)
    order = [*batch, *rows, *columns]
    return product.reshape([sizes[axis] for axis in order]).permute([order.index(axis) for axis in out])


def _merged(
    operand: Tensor, axes: str, groups: tuple[list[str], list[str], list[str]], sizes: dict[str, int]
) -> Tensor:
    """Return an operand with its axes in groups, of which the last two are merged into an axis each."""
    batch, *others = groups
    ordered = operand.permute([axes.index(axis) for group in groups for axis in group])
    shape = [sizes[axis] for axis in batch]
    for group in others:
        side = 1
        for axis in group:
            side = side * sizes[axis]
        shape.append(side)
    return ordered.reshape(shape)
