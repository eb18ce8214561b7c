"""Cases of checks: an operator with options, at a width that it fits, as modules and networks."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from sasa_nas.errors import one_line
from sasa_nas.nodes import Misfit
from sasa_nas.operators import OPERATORS, Operator, OperatorEntry
from sasa_nas.operators.building import build_operator
from sasa_nas.space import Architecture

WIDTHS = (8, 16, 24, 32, 48, 64, 96, 128)
"""Widths of stages to try; the first that fits is taken."""

SIZE = (5, 7)
"""Default height and width of the map: odd and not square."""


@dataclass(frozen=True)
class Case:
    """An operator with options.

    Attributes:
        entry: Facts about its kind.
        operator: Description of the operator.
        width: Output channels, which its options fit.
        options: Options that differ from the defaults.
    """

    entry: OperatorEntry
    operator: Operator
    width: int
    options: Mapping[str, Any]

    def __str__(self) -> str:
        """Return the options as text, for messages."""
        return ", ".join(f"{name}={value}" for name, value in self.options.items()) or "defaults"

    @property
    def in_channels(self) -> int:
        """Channels of the input, different from those of the output."""
        return self.width // 2

    def layer(self, *, stride: int = 1, size: tuple[int, int] = SIZE, in_channels: int | None = None) -> nn.Module:
        """Build a module, freshly initialised from a fixed seed.

        Args:
            stride: Stride of the layer, 1 or 2.
            size: Height and width of the input map.
            in_channels: Channels of the input; by default `in_channels` of the case.
        """
        with seeded():
            return build_operator(
                self.operator,
                self.in_channels if in_channels is None else in_channels,
                self.width,
                stride=stride,
                feature_size=size,
            )

    def trained(
        self, *, stride: int = 1, size: tuple[int, int] = SIZE, dtype: torch.dtype = torch.float64
    ) -> nn.Module:
        """Build a module in evaluation mode, no parameter and no running statistic of which is as initialised."""
        layer = self.layer(stride=stride, size=size).double()
        return as_trained(layer, self.images(*size, batch=4)).to(dtype)

    def images(self, *size: int, batch: int = 2, dtype: torch.dtype = torch.float64) -> Tensor:
        """Return random maps of the case's input channels, the same at each call.

        Args:
            size: Height and width; by default `SIZE`.
            batch: Number of maps.
            dtype: Type of the maps.
        """
        return random_maps(batch, self.in_channels, *(size or SIZE), dtype=dtype)

    def architecture(self, block: str = "basic", *, side: int = 8, classes: int = 4) -> Architecture:
        """Describe a small network that has the operator in two stages, of which the second halves the map.

        Args:
            block: Kind of the residual blocks.
            side: Height of the images; they are somewhat wider.
            classes: Number of classes.

        Raises:
            ValueError: If the operator does not fit the block.
        """
        stage = {"blocks": 1, "width": self.width, "operator": self.operator}
        tree = {
            "block": block,
            "stem": {"kind": "conv", "width": self.width, "kernel_size": 3, "stride": 1, "pool": False},
            "stages": [stage, {**stage, "stride": 2}],
            "image": {"channels": 2, "height": side, "width": side + 2},
            "num_classes": classes,
        }
        return Architecture.model_validate(tree)


def cases_of(kind: str) -> Sequence[Case]:
    """Return the cases of a registered kind: the registered examples, then the defaults if they are not among them.

    Raises:
        ValueError: If an example is no valid set of options, or fits no width.
    """
    entry = OPERATORS[kind]
    if entry.foreign:
        raise ValueError(f"the code of '{kind}' is not loaded; load the file that registers it")
    required = any(field.is_required() for field in entry.description.model_fields.values())
    examples = [dict(example) for example in entry.examples]
    if not required and {} not in examples:
        examples.append({})
    cases = [_case(entry, example) for example in examples]
    if not cases:
        raise ValueError(f"'{kind}' has options without defaults; give examples=[...] to register_operator")
    return cases


def _case(entry: OperatorEntry, example: Mapping[str, Any]) -> Case:
    try:
        operator = entry.description.model_validate({"kind": entry.kind, **example})
    except ValueError as error:
        raise ValueError(f"the example {dict(example)} is no valid set of options: {one_line(error)}") from error
    for width in WIDTHS:
        try:
            operator.check_width(width)
        except Misfit:
            continue
        return Case(entry, operator, width, example)
    raise ValueError(f"the example {dict(example)} fits none of the widths {WIDTHS}; choose smaller options")


def network_of(cases: Sequence[Case]) -> Architecture:
    """Describe a network with a bottleneck for each case, the first of which halves the map."""
    stages = [
        {"blocks": 1, "width": case.width, "expansion": 1, "operator": case.operator, "stride": 2 if i == 0 else 1}
        for i, case in enumerate(cases)
    ]
    return Architecture.model_validate(
        {
            "stem": {"kind": "conv", "width": 8, "kernel_size": 3, "stride": 1, "pool": False},
            "stages": stages,
            "image": {"channels": 2, "height": 10, "width": 12},
            "num_classes": 5,
        }
    )


@contextmanager
def seeded(seed: int = 0) -> Iterator[None]:
    """Seed torch's random state inside a `with` block and restore it afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def random_maps(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """Return standard normal maps, the same for the same shape."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(7), dtype=torch.float64).to(dtype)


def as_trained(module: nn.Module, x: Tensor) -> nn.Module:
    """Draw parameters anew, take running statistics from a batch, and set the module to evaluation mode.

    Initial values of zeros or ones could hide a mistake.

    Args:
        module: The module, which is changed.
        x: A batch of its input.
    """
    generator = torch.Generator().manual_seed(5)
    norms = [part for part in module.modules() if isinstance(part, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    with torch.no_grad():
        for tensor in module.state_dict().values():
            if tensor.is_floating_point():
                drawn = torch.randn(tensor.shape, generator=generator, dtype=torch.float64)
                tensor.copy_(0.5 * drawn)
        for norm in norms:
            if norm.affine:
                # more open ReLUs than shut ones behind it: what is shut for all pixels has no gradient
                norm.bias.uniform_(0.0, 1.0, generator=generator)
            norm.momentum = 1.0
        if norms:
            with seeded():
                module.train()(x)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    return module.eval()


def arguments_of(layer: nn.Module) -> Mapping[str, inspect.Parameter]:
    """Return the constructor's arguments by name."""
    return inspect.signature(type(layer)).parameters


def is_torchs(layer: nn.Module) -> bool:
    """Return True if a module is one of torch's own, whose attributes follow torch's conventions."""
    return type(layer).__module__.partition(".")[0] == "torch"
