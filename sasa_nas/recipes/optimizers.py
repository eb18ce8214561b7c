"""Optimisers by name, with their own options; weight decay is left out for norms, biases and positions unless told."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from sasa_nas.nodes import Bool, Node
from sasa_nas.recipes.fields import BelowOne, NonNegative, PositiveFloat


class _Optimizer(Node):
    """Fields of every optimiser."""

    learning_rate: PositiveFloat
    """Peak learning rate at the recipe's batch size."""
    weight_decay: NonNegative = 0.0
    decay_all: Bool = False
    """Weight decay of norms, biases and relative positions, too, if true, as in recipes of before 2018."""


class Sgd(_Optimizer):
    """Stochastic gradient descent with momentum; weight decay is added to the gradient."""

    kind: Literal["sgd"] = "sgd"
    momentum: BelowOne = 0.9
    nesterov: Bool = False


class AdamW(_Optimizer):
    """AdamW (Loshchilov and Hutter, 2019, arXiv 1711.05101)."""

    kind: Literal["adamw"] = "adamw"
    betas: tuple[BelowOne, BelowOne] = (0.9, 0.999)
    epsilon: PositiveFloat = 1e-8


class Lamb(_Optimizer):
    """LAMB (You et al., 2020, arXiv 1904.00962), with trust ratios for decayed weights alone, as in timm."""

    kind: Literal["lamb"] = "lamb"
    betas: tuple[BelowOne, BelowOne] = (0.9, 0.999)
    epsilon: PositiveFloat = 1e-6
    max_grad_norm: PositiveFloat | None = 1.0
    """Euclidean norm to which all gradients together are scaled down before the update."""


Optimizer: TypeAlias = Annotated[Sgd | AdamW | Lamb, Field(discriminator="kind")]
