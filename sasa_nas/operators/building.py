"""Construction of spatial operators from their descriptions."""

from torch import nn

from sasa_nas.errors import UserError
from sasa_nas.nodes import accepts, resolve
from sasa_nas.operators.base import Operator
from sasa_nas.operators.registry import OPERATORS


def build_operator(
    operator: Operator, in_channels: int, out_channels: int, *, stride: int, feature_size: tuple[int, int]
) -> nn.Module:
    """Build a module from `(B, in_channels, H, W)` to `(B, out_channels, ceil(H / stride), ceil(W / stride))`.

    The registered layer gets the description's options by name.

    Args:
        operator: Description of a registered kind.
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        stride: Stride of the operator, 1 or 2.
        feature_size: Height and width of the input map, for layers with this argument, such as global attention for its
            tables of positions.

    Raises:
        UserError: If the kind is known from a record alone, or its layer is a function that returns no module of
            torch's.
    """
    entry = OPERATORS[operator.kind]
    if entry.foreign:
        raise UserError(f"the operator '{entry.kind}' is one of your own; give its code too: --operators FILE")
    layer = resolve(entry.layer)
    options = operator.options
    if accepts(layer, "feature_size"):
        options["feature_size"] = feature_size
    module: nn.Module = layer(in_channels, out_channels, stride=stride, **options)
    if not isinstance(layer, type) and not type(module).__module__.startswith("torch."):
        raise UserError(
            f"the layer of '{entry.kind}' is a function that makes a {type(module).__name__}; register that class, "
            "so that its work is counted"
        )
    return module
