"""Choice of the form of the weighted sum."""

from torch import Tensor

from sasa_nas.ops.aggregation import naive
from sasa_nas.ops.aggregation.library import aggregate_operator
from sasa_nas.ops.aggregation.naive import check_aggregate
from sasa_nas.ops.arguments import autocast, refuse_forward_mode
from sasa_nas.ops.window_sums.forms import Backend, chosen_backend
from sasa_nas.ops.windows import check_alike


def aggregate(weights: Tensor, value: Tensor, *, kernel_size: int, backend: Backend = "auto") -> Tensor:
    """Sum every pixel's window of `value`, weighted pixel by pixel and channel by channel, in the fastest form.

    See `naive.aggregate` for the equation. Under autocast tensors of float32 become autocast's type.

    Args:
        weights: `(B, weight_channels, kernel_size**2, H, W)`, the window row by row; any strides.
        value: `(B, C, H, W)` of the same floating type; `weight_channels` divides C; any strides.
        kernel_size: Side of the window, odd.
        backend: The form to take; where it is `auto`, the variable SASA_NAS_BACKEND of the environment may name one.

    Returns:
        `(B, C, H, W)`, channels last in memory where `value` is so.

    Raises:
        ValueError: An argument's shape, type, device or value does not fit, or the backend cannot run; the message
            names it.
        NotImplementedError: Forward-mode derivatives, or derivatives of derivatives, of forms that have none.
    """
    weights, value = autocast(weights), autocast(value)
    check_aggregate(weights, value, kernel_size)
    check_alike("value", value, "weights", weights)
    asked = chosen_backend(backend, value)
    if asked == "naive":
        return naive.aggregate(weights, value, kernel_size=kernel_size)
    refuse_forward_mode("aggregate", weights, value)
    out: Tensor = aggregate_operator(weights, value, kernel_size, asked)
    return out
