"""One concrete design as plain, immutable data: the type that everything else in the package turns on."""

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from sasa_nas.space.node import Node, Positive
from sasa_nas.space.operators import Conv, Misfit, Operator
from sasa_nas.space.stems import ConvStem, Stem


class Image(Node):
    """The input: channels, height and width in pixels. Position tables of whole-map attention depend on it."""

    channels: Positive = 3
    height: Positive = 224
    width: Positive = 224


class Stage(Node):
    """A group of residual blocks of one width, the first of which may halve the map."""

    blocks: Positive = 2
    width: Positive = 64
    """Channels of the spatial operator; a bottleneck's output has four times as many."""
    stride: Annotated[Positive, Field(le=2)] = 1
    operator: Operator = Conv()

    @model_validator(mode="after")
    def _operator_fits_width(self) -> "Stage":
        try:
            self.operator.check_width(self.width)
        except Misfit as misfit:
            raise PydanticCustomError(
                "misfit", "{message}", {"field": f"operator.{misfit.field}", "message": str(misfit)}
            ) from misfit
        return self


class Architecture(Node):
    """A complete network: input, stem, stages of residual blocks, classifier.

    Two architectures are the same network exactly when they are equal, and then they share an `id`.
    """

    block: Literal["bottleneck", "basic"] = "bottleneck"
    """bottleneck: 1x1, operator, 1x1 with a fourfold output. basic: two operators (He et al. 2015)."""
    stem: Stem = ConvStem()
    stages: Annotated[tuple[Stage, ...], Field(min_length=1)]
    image: Image = Image()
    num_classes: Positive = 1000

    @property
    def id(self) -> str:
        """Twelve hexadecimal digits, the same for equal architectures on every machine and version."""
        text = json.dumps(canonical(self), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def to_json(self) -> str:
        """Every field, defaults included, as indented JSON that `load_architecture` reads back."""
        return self.model_dump_json(indent=2) + "\n"


def canonical(node: Node) -> dict[str, Any]:
    """`node` as JSON data without its default values, so that a field added later changes no id.

    `kind` is always kept: it tells one operator's defaults from another's.
    """
    data: dict[str, Any] = {}
    for name, field in type(node).model_fields.items():
        value = getattr(node, name)
        if name == "kind" or value != field.default:
            data[name] = _canonical_value(value)
    return data


def _canonical_value(value: Any) -> Any:
    if isinstance(value, Node):
        return canonical(value)
    if isinstance(value, tuple):
        return [_canonical_value(item) for item in value]
    return value
