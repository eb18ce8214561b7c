"""Numbers that fields of recipes have."""

from typing import Annotated

from pydantic import Field

from sasa_nas.nodes import Float

PositiveFloat = Annotated[Float, Field(gt=0.0)]
NonNegative = Annotated[Float, Field(ge=0.0)]
Probability = Annotated[Float, Field(ge=0.0, le=1.0)]
BelowOne = Annotated[Float, Field(ge=0.0, lt=1.0)]
