"""Parameters and work of a detector, counted on torch's meta device.

Apart from the rest of `sasa_nas.cost`, which works without torchvision. What follows the heads, the choice among
their boxes, is no work that a network's conventions count.
"""

from collections import OrderedDict
from types import MappingProxyType

import torch

from sasa_nas.cost.network import NetworkCounts, count_module, count_network
from sasa_nas.cost.shapes import shapes_alone
from sasa_nas.detection.description import Detector
from sasa_nas.detection.network.heads import SharedHeads
from sasa_nas.detection.network.plan import MapPlan, plan_pyramid
from sasa_nas.detection.network.pyramid import build_pyramid
from sasa_nas.operators.counts import Counts


def count_detector(detector: Detector) -> NetworkCounts:
    """Count `detector` for one image that fills its input.

    The parts are those of its backbone without the classifier, then `pyramid`, and `heads` on all levels.
    """
    backbone = count_network(detector.backbone).parts
    parts = {name: counts for name, counts in backbone.items() if name != "classifier"}
    plan = plan_pyramid(detector)
    with shapes_alone():
        inputs = OrderedDict((f"p{i}", _map(found)) for i, found in enumerate(plan.inputs, start=3))
        parts["pyramid"] = count_module(build_pyramid(detector), inputs)
        parts["heads"] = count_module(SharedHeads(detector, plan.levels[0].size), [_map(p) for p in plan.levels])
    return NetworkCounts(sum(parts.values(), Counts()), MappingProxyType(parts))


def _map(plan: MapPlan) -> torch.Tensor:
    return torch.empty(1, plan.channels, *plan.size)
