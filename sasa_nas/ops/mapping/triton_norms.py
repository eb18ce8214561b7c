"""Batch norms in Triton's kernels of SAN's attention: their coefficients, their statistics and their gradients.

The coefficients of a norm of C channels are one float32 `(6, C)`, which kernels read row by row:

    SCALE, SHIFT        of the norm as an affine map, y = SCALE x + SHIFT
    MEAN, DEVIATION     the mean and one over the standard deviation: xhat = (x - MEAN) DEVIATION
    PULL, TILT          what batch statistics add to a gradient, dx = SCALE (dy - PULL - xhat TILT): the means of dy
                        and of dy xhat; zero for statistics that were given
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-decorators

import triton
import triton.language as tl

from sasa_nas.ops.mapping.triton_products import load_vector

SCALE = tl.constexpr(0)
SHIFT = tl.constexpr(1)
MEAN = tl.constexpr(2)
DEVIATION = tl.constexpr(3)
PULL = tl.constexpr(4)
TILT = tl.constexpr(5)


@triton.jit
def coefficient(
    norm_ptr, ROW: tl.constexpr, CHANNELS: tl.constexpr, FIRST: tl.constexpr, COUNT: tl.constexpr, PADDED: tl.constexpr
):
    """`(1, PADDED)`: a row of a norm of CHANNELS channels, COUNT of them from FIRST on."""
    return load_vector(norm_ptr + ROW * CHANNELS + FIRST, COUNT, PADDED)[None, :]


@triton.jit
def normalised(x, norm_ptr, CHANNELS: tl.constexpr, FIRST: tl.constexpr, COUNT: tl.constexpr):
    """Return the norm and the ReLU of rows of channels."""
    scale = coefficient(norm_ptr, SCALE, CHANNELS, FIRST, COUNT, x.shape[1])
    return tl.maximum(x * scale + coefficient(norm_ptr, SHIFT, CHANNELS, FIRST, COUNT, x.shape[1]), 0.0)


@triton.jit
def standardised(x, norm_ptr, CHANNELS: tl.constexpr, FIRST: tl.constexpr, COUNT: tl.constexpr):
    """Rows of channels less the mean, over the standard deviation."""
    mean = coefficient(norm_ptr, MEAN, CHANNELS, FIRST, COUNT, x.shape[1])
    return (x - mean) * coefficient(norm_ptr, DEVIATION, CHANNELS, FIRST, COUNT, x.shape[1])


@triton.jit
def before_norm(grad, x, norm_ptr, CHANNELS: tl.constexpr, FIRST: tl.constexpr, COUNT: tl.constexpr):
    """Return the gradient of a norm's input from that of its result, its statistics' part included."""
    scale = coefficient(norm_ptr, SCALE, CHANNELS, FIRST, COUNT, x.shape[1])
    pull = coefficient(norm_ptr, PULL, CHANNELS, FIRST, COUNT, x.shape[1])
    tilt = coefficient(norm_ptr, TILT, CHANNELS, FIRST, COUNT, x.shape[1])
    return scale * (grad - pull - standardised(x, norm_ptr, CHANNELS, FIRST, COUNT) * tilt)


@triton.jit
def welford(mean, squares, x, count):
    """Mean and squared deviations, number by number, of `count` numbers of which `x` is the last."""
    difference = x - mean
    mean += difference / count
    return mean, squares + difference * (x - mean)


@triton.jit
def combine_rows(mean, squares, real, count):
    """`(C,)` mean and squared deviations of all rows' numbers, from those of `count` numbers in each real row."""
    rows = tl.maximum(tl.sum(real.to(tl.float32), 0), 1.0)
    total = tl.sum(tl.where(real[:, None], mean, 0.0), 0) / rows
    apart = mean - total[None, :]
    spread = tl.where(real[:, None], squares + count * apart * apart, 0.0)
    return total, tl.sum(spread, 0)
