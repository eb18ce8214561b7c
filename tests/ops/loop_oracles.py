"""The operators as loops over pixels, heads and offsets, written from their definitions alone."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def attend(logits: list[Tensor], values: list[Tensor]) -> Tensor:
    """Softmax of scalars, then the weighted sum of vectors."""
    exponentials = torch.stack(logits).exp()
    return sum((e * v for e, v in zip(exponentials, values, strict=True)), torch.zeros_like(values[0])) / sum(
        exponentials
    )


def local_attention_loops(
    query: Tensor,
    key: Tensor | None,
    value: Tensor,
    rel_rows: Tensor | None,
    rel_cols: Tensor | None,
    *,
    kernel_size: int,
    scale: float,
    padding: str,
) -> Tensor:
    batch, height, width, heads, _ = query.shape
    radius = kernel_size // 2
    pixels = []
    for b in range(batch):
        for y in range(height):
            for x in range(width):
                for n in range(heads):
                    logits, values = [], []
                    for dy in range(-radius, radius + 1):
                        for dx in range(-radius, radius + 1):
                            inside = 0 <= y + dy < height and 0 <= x + dx < width
                            if not inside and padding == "mask":
                                continue
                            q = query[b, y, x, n]
                            logit = torch.zeros((), dtype=query.dtype)
                            if key is not None and inside:
                                logit = logit + q.dot(key[b, y + dy, x + dx, n])
                            for table, offset in ((rel_rows, dy), (rel_cols, dx)):
                                if table is not None:
                                    rows = table[n] if table.dim() == 3 else table
                                    logit = logit + q.dot(rows[offset + radius])
                            logits.append(scale * logit)
                            values.append(
                                value[b, y + dy, x + dx, n] if inside else torch.zeros_like(value[0, 0, 0, 0])
                            )
                    pixels.append(attend(logits, values))
    return torch.stack(pixels).reshape(batch, height, width, heads, value.shape[-1])


def global_attention_loops(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    rel_rows: Tensor | None,
    rel_cols: Tensor | None,
    *,
    scale: float,
) -> Tensor:
    batch, height, width, heads, _ = query.shape
    pixels = []
    for b in range(batch):
        for iy in range(height):
            for ix in range(width):
                for n in range(heads):
                    logits, values = [], []
                    for jy in range(height):
                        for jx in range(width):
                            k = key[b, jy, jx, n]
                            if rel_rows is not None and rel_cols is not None:
                                k = k + rel_rows[jy - iy + height - 1] + rel_cols[jx - ix + width - 1]
                            logits.append(scale * query[b, iy, ix, n].dot(k))
                            values.append(value[b, jy, jx, n])
                    pixels.append(attend(logits, values))
    return torch.stack(pixels).reshape(batch, height, width, heads, value.shape[-1])


def bounce(place: int, size: int) -> int:
    """Walks a place back into [0, size) by reflecting it at either end until it is inside."""
    if size == 1:
        return 0
    while not 0 <= place < size:
        place = -place if place < 0 else 2 * (size - 1) - place
    return place


def window(maps: Tensor, b: int, y: int, x: int, kernel_size: int) -> list[Tensor]:
    """The channel vectors of the window around a pixel of a (B, C, H, W) map, row by row."""
    radius = kernel_size // 2
    height, width = maps.shape[2:]
    return [
        maps[b, :, bounce(y + dy, height), bounce(x + dx, width)]
        for dy in range(-radius, radius + 1)
        for dx in range(-radius, radius + 1)
    ]


def map_of(pixel: Callable[[int, int, int], Tensor], batch: int, height: int, width: int) -> Tensor:
    """Builds `(B, *, H, W)` from a function of (b, y, x)."""
    maps = [
        torch.stack([torch.stack([pixel(b, y, x) for x in range(width)], -1) for y in range(height)], -2)
        for b in range(batch)
    ]
    return torch.stack(maps)


def pairwise_loops(query: Tensor, key: Tensor, *, kernel_size: int, kind: str) -> Tensor:
    def compare(phi: Tensor, psi: Tensor) -> Tensor:
        if kind == "concatenation":
            return torch.cat([phi, psi])
        if kind == "dot":
            return phi.dot(psi).reshape(1)
        return {"sum": phi + psi, "subtraction": phi - psi, "hadamard": phi * psi}[kind]

    def pixel(b: int, y: int, x: int) -> Tensor:
        return torch.stack([compare(query[b, :, y, x], psi) for psi in window(key, b, y, x, kernel_size)], 1)

    return map_of(pixel, query.shape[0], *query.shape[2:])


def patchwise_loops(query: Tensor, key: Tensor, *, kernel_size: int, kind: str) -> Tensor:
    def pixel(b: int, y: int, x: int) -> Tensor:
        phi, psis = query[b, :, y, x], window(key, b, y, x, kernel_size)
        if kind == "star":
            return torch.stack([phi.dot(psi) for psi in psis])
        if kind == "clique":
            phis = window(query, b, y, x, kernel_size)
            return torch.stack([phi_j.dot(psi_k) for phi_j in phis for psi_k in psis])
        return torch.cat([phi, *[torch.stack([psi[c] for psi in psis]) for c in range(len(phi))]])

    return map_of(pixel, query.shape[0], *query.shape[2:])


def aggregate_loops(weights: Tensor, value: Tensor, *, kernel_size: int) -> Tensor:
    def pixel(b: int, y: int, x: int) -> Tensor:
        near = window(value, b, y, x, kernel_size)
        return torch.stack(
            [
                sum(
                    (weights[b, c % weights.shape[1], j, y, x] * v[c] for j, v in enumerate(near)),
                    torch.zeros((), dtype=value.dtype),
                )
                for c in range(value.shape[1])
            ]
        )

    return map_of(pixel, value.shape[0], *value.shape[2:])


def assert_agree(actual: Tensor, expected: Tensor, inputs: Sequence[Tensor]) -> None:
    """The same values in float64, and the same gradients to every input for a random output gradient."""
    torch.testing.assert_close(actual, expected, rtol=1e-10, atol=1e-12)
    weight = torch.randn(actual.shape, dtype=actual.dtype, generator=torch.Generator().manual_seed(7))
    ours = torch.autograd.grad((actual * weight).sum(), inputs)
    theirs = torch.autograd.grad((expected * weight).sum(), inputs)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-11)


def leaves(*shapes: tuple[int, ...], seed: int = 0) -> list[Tensor]:
    """Random float64 leaves of these shapes that ask for gradients."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, dtype=torch.float64, generator=generator).requires_grad_() for shape in shapes]
