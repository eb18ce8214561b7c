"""The network of shared weights, and the paths through it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from sasa_nas.blocks import BLOCKS
from sasa_nas.blocks.building import build_part
from sasa_nas.blocks.plans import BlockPlan, Plan
from sasa_nas.models.builder import Network
from sasa_nas.models.plans import plan_network
from sasa_nas.operators.conv import Conv
from sasa_nas.space import Architecture
from sasa_nas.stems import Stem
from sasa_nas.stems.building import build_stem

HEAD = "head"
"""Name of the place of parts behind the last stage."""


class Supernet(nn.Module):
    """A network that contains many designs, which share the weights of equal parts in equal places.

    It is made of ordinary blocks: one for each plan that a design has in a place, which is a stage and a position in
    it. Blocks of a place that differ in the operator alone share all sub-modules but `Block.operator_parts`: 1x1
    convolutions, their batch norms and the shortcut are one module in all of them. (As in SPOS, Guo et al. 2019, arXiv
    1904.00420, the operators are separate modules; that each has batch norm of its own is from slimmable networks, Yu
    et al. 2018, arXiv 1812.08928.) A path is then an ordinary network of such blocks.

    Weights are drawn from torch's random state, in the order of the designs. The state dict has each tensor once, under
    the first of its names.

    Args:
        designs: Networks whose parts it holds, at the size at which they are trained. Paths are all networks that can
            be put together of these parts, so that each part has to be in one design only.

    Raises:
        ValueError: If there are no designs.
    """

    def __init__(self, designs: Iterable[Architecture]) -> None:
        super().__init__()
        self.stems, self.parts, self.classifiers = nn.ModuleDict(), nn.ModuleDict(), nn.ModuleDict()
        self._stems: dict[tuple[Stem, int], str] = {}
        self._parts: dict[tuple[str, Plan], str] = {}
        self._shells: dict[tuple[str, str, Plan], nn.Module] = {}
        for design in designs:
            self._add(design)
        if not self._stems:
            raise ValueError("designs: expected at least one")
        self._aliases = _aliases(self)
        self.register_state_dict_post_hook(_told_once)  # type: ignore[no-untyped-call]
        self.register_load_state_dict_pre_hook(_under_all_names)  # type: ignore[no-untyped-call]

    def path(self, design: Architecture) -> Network:
        """Return the network of a design, whose modules are the supernet's own.

        Training it trains the supernet, and its state dict is that of the stand-alone network.

        Raises:
            KeyError: If one of its parts is in none of the supernet's designs.
        """
        plan = plan_network(design)
        stem = self.stems[self._stems[design.stem, design.image.channels]]
        stages = [nn.Sequential(*self._sequence(str(i), stage)) for i, stage in enumerate(plan.stages)]
        head = nn.Sequential(*self._sequence(HEAD, plan.head)) if plan.head else None
        # its classifier is replaced, and must not draw weights
        with torch.device("meta"):
            network = Network(stem, stages, plan.last.out_channels, design.num_classes, head=head)
        classifier = self.classifiers[_classifier(plan.last, design)]
        assert isinstance(classifier, nn.Linear)
        network.classifier = classifier
        network.architecture = design
        return network

    def _sequence(self, name: str, plans: Sequence[Plan]) -> Iterator[nn.Module]:
        return (self.parts[self._parts[place, plan]] for place, plan in _places(name, plans))

    def _add(self, design: Architecture) -> None:
        stem = design.stem, design.image.channels
        if stem not in self._stems:
            self._stems[stem] = str(len(self._stems))
            self.stems[self._stems[stem]] = build_stem(*stem)
        plan = plan_network(design)
        for name, parts in [*((str(i), stage) for i, stage in enumerate(plan.stages)), (HEAD, plan.head)]:
            for place, part in _places(name, parts):
                if (place, part) not in self._parts:
                    self._parts[place, part] = f"{place}_{len(self._parts)}"
                    self.parts[self._parts[place, part]] = self._built(place, part, design.block)
        classifier = _classifier(plan.last, design)
        if classifier not in self.classifiers:
            self.classifiers[classifier] = nn.Linear(plan.last.out_channels, design.num_classes)

    def _built(self, place: str, plan: Plan, kind: str) -> nn.Module:
        """Build a part, with the sub-modules of an earlier one that differs from it in the operator alone."""
        module = build_part(plan)
        own = BLOCKS[kind].operator_parts
        if isinstance(plan, BlockPlan) and own is not None:
            shell = self._shells.setdefault((place, kind, replace(plan, operator=Conv())), module)
            for name, child in shell.named_children():
                if name not in own:
                    setattr(module, name, child)
        return module


def _places(name: str, plans: Sequence[Plan]) -> Iterator[tuple[str, Plan]]:
    """Yield the plans of a stage, or of the head, each with its place."""
    return ((f"{name}_{position}", plan) for position, plan in enumerate(plans))


def _classifier(last: Plan, design: Architecture) -> str:
    return f"{last.out_channels}_{design.num_classes}"


def _aliases(module: nn.Module) -> dict[str, str]:
    """Return the further names of tensors that a module has under several, each with the first name."""
    first: dict[int, str] = {}
    found: dict[str, str] = {}
    for name, tensor in module.state_dict(keep_vars=True).items():
        if first.setdefault(id(tensor), name) != name:
            found[name] = first[id(tensor)]
    return found


def _told_once(supernet: nn.Module, state: dict[str, Any], prefix: str, _: dict[str, Any]) -> None:
    assert isinstance(supernet, Supernet)
    for alias in supernet._aliases:
        del state[prefix + alias]


def _under_all_names(supernet: nn.Module, state: dict[str, Any], prefix: str, *_: object) -> None:
    assert isinstance(supernet, Supernet)
    for alias, name in supernet._aliases.items():
        if prefix + name in state:
            state[prefix + alias] = state[prefix + name]
