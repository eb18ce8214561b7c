"""Checks of forward passes: shapes, precision and determinism."""

import math

import torch

from sasa_nas.testing.case import Case, seeded
from sasa_nas.testing.check import Nonconformity, brief

MAPS = ((5, 7), (8, 3), (6, 6), (2, 3), (1, 1))
"""Heights and widths of maps: odd, not square, even, smaller than most windows, a single pixel."""


def output_shape(case: Case) -> None:
    """Check that outputs have `ceil(H / stride)` rows and `ceil(W / stride)` columns, and are finite."""
    for stride in (1, 2):
        for height, width in MAPS:
            x = case.images(height, width, dtype=torch.float32)
            try:
                layer = case.layer(stride=stride, size=(height, width)).eval()
                with torch.no_grad():
                    out = layer(x)
            except Exception as error:
                raise Nonconformity(
                    f"fails on a map of {height} x {width} at stride {stride} ({brief(error)}); any size must do"
                ) from error
            expected = (2, case.width, math.ceil(height / stride), math.ceil(width / stride))
            if out.shape != expected:
                raise Nonconformity(
                    f"puts out {tuple(out.shape)} for {tuple(x.shape)} at stride {stride}, not {expected}; "
                    "round the halved sides up (ceil_mode=True)"
                )
            if not out.isfinite().all():
                raise Nonconformity(
                    f"puts out numbers that are not finite on a map of {height} x {width} at stride {stride}; "
                    "has every query a key, and no divisor a zero?"
                )


def autocast(case: Case) -> None:
    """Check that forward and backward passes run under autocast to bfloat16, and stay finite."""
    layer = case.layer().train()
    x = case.images(dtype=torch.float32).requires_grad_()
    try:
        with torch.autocast("cpu", torch.bfloat16):
            out = layer(x)
        out.float().sum().backward()
    except RuntimeError as error:
        raise Nonconformity(
            f"fails under autocast ({brief(error)}); autocast leaves parameters alone but not projections: .to(x.dtype)"
        ) from error
    gradients = [x.grad, *(parameter.grad for parameter in layer.parameters())]
    if not all(one.isfinite().all() for one in (out, *gradients) if one is not None):
        raise Nonconformity("is not finite under autocast to bfloat16; compute softmax and sums of squares in float32")


def precision(case: Case) -> None:
    """Check that float32 gives the result of float64 within rounding, and that outputs have the input's type."""
    exact, x = case.trained(), case.images()
    layer = case.trained(dtype=torch.float32)
    with torch.no_grad():
        expected, out = exact(x), layer(x.float())
    if expected.dtype != torch.float64 or out.dtype != torch.float32:
        raise Nonconformity(f"puts out {expected.dtype} for float64 and {out.dtype} for float32; keep the input's type")
    scale = expected.abs().max().item() or 1.0
    error = (out.double() - expected).abs().max().item() / scale
    if not error < 1e-4:
        raise Nonconformity(f"float32 differs from float64 by {error:.1e} of the largest output; avoid cancellation")


def batch_independence(case: Case) -> None:
    """Check that in evaluation mode an image's output does not depend on the others of its batch."""
    for stride in (1, 2):
        layer, x = case.trained(stride=stride), case.images(batch=3)
        with torch.no_grad():
            together, apart = layer(x), torch.cat([layer(image) for image in x[:, None]])
        if not torch.allclose(together, apart, rtol=1e-9, atol=1e-9):
            raise Nonconformity(
                "an image's output depends on the rest of its batch in evaluation mode; reduce over channels, rows and "
                "columns, never over dimension 0"
            )


def determinism(case: Case) -> None:
    """Check that in evaluation mode the same input gives the same output bit for bit, and is unchanged."""
    layer, x = case.trained(), case.images()
    before = x.clone()
    with torch.no_grad():
        with seeded(1):
            first = layer(x)
        with seeded(2):
            second = layer(x)
    if not torch.equal(first, second):
        raise Nonconformity(
            "two evaluations of one input differ; pass self.training to dropout, and draw nothing in evaluation mode"
        )
    if not torch.equal(x, before):
        raise Nonconformity("forward changes its input; do not work in place on it")
