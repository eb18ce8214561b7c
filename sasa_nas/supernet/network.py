"""The network of shared weights, and the paths through it."""

from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import nn

from sasa_nas.blocks.building import build_part
from sasa_nas.blocks.plans import Plan
from sasa_nas.models.builder import Network, frame
from sasa_nas.models.plans import plan_network
from sasa_nas.space import Architecture
from sasa_nas.stems import Stem
from sasa_nas.stems.building import build_stem

HEAD = "head"
"""Name of the place of parts behind the last stage."""


class Supernet(nn.Module):
    """A network that contains many designs, which share the weights of equal parts in equal places.

    It is made of ordinary blocks: one for each plan that a design has in a place, which is a stage and a position in
    it. So every operator has a block of its own, with batch norm and 1x1 convolutions, as in FairNAS (Chu et al. 2021,
    arXiv 1907.01845), and what designs share is every block that they have in common, stem and classifier. A path is
    an ordinary network of such blocks.

    Weights are drawn from torch's random state, in the order of the designs.

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
        for design in designs:
            self._add(design)
        if not self._stems:
            raise ValueError("designs: expected at least one")

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
            network = frame(design, stem, stages, head)
        classifier = self.classifiers[_classifier(plan.last, design)]
        assert isinstance(classifier, nn.Linear)
        network.classifier = classifier
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
                    self.parts[self._parts[place, part]] = build_part(part)
        classifier = _classifier(plan.last, design)
        if classifier not in self.classifiers:
            self.classifiers[classifier] = nn.Linear(plan.last.out_channels, design.num_classes)


def _places(name: str, plans: Sequence[Plan]) -> Iterator[tuple[str, Plan]]:
    """Yield the plans of a stage, or of the head, each with its place."""
    return ((f"{name}_{position}", plan) for position, plan in enumerate(plans))


def _classifier(last: Plan, design: Architecture) -> str:
    return f"{last.out_channels}_{design.num_classes}"
