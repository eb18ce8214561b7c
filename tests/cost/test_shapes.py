"""The meta device's shortcuts, held against the same modules on a CPU."""

import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F
from assertions import every
from torch import Tensor, nn

from sasa_nas.cost.shapes import shapes_alone


class Weighed(nn.Module):
    """Sums, a product with a number, and one with -1."""

    def forward(self, x: Tensor) -> Tensor:
        return -(x + 0.5 * x.mean((2, 3), keepdim=True) + 1) * 0.25


class Joined(nn.Module):
    """Maps laid side by side, and on a new axis."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([torch.cat([x, 2.0 * x[:, :2]], dim=1), torch.cat((x[:, :2], x), 1)], dim=-1)


class Resized(nn.Module):
    """A map in the size of another."""

    def forward(self, x: Tensor) -> Tensor:
        half = F.avg_pool2d(x, 2)
        return x + F.interpolate(half, size=x.shape[-2:], mode="bilinear", align_corners=False)


MODULES = {
    "resized": Resized,
    "joined": Joined,
    "sums": Weighed,
    "norm": lambda: nn.BatchNorm2d(6),
    "norm without weights": lambda: nn.BatchNorm2d(6, affine=False),
    "relu": nn.ReLU,
    "relu in place": lambda: nn.Sequential(nn.Conv2d(6, 6, 1), nn.ReLU(inplace=True)),
    "all": lambda: nn.Sequential(nn.Conv2d(6, 8, 3, stride=2), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 2, 1)),
}


def passed(module: nn.Module, x: Tensor) -> tuple[torch.Size, bool, list[torch.Size]]:
    """The output's shape, whether it has a gradient, and the shapes of all that autograd keeps beside parameters."""
    own = {id(tensor) for tensor in (*module.parameters(), *module.buffers())}
    held: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        if id(tensor) not in own:
            held[id(tensor)] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        output = module(x)
    return output.shape, output.requires_grad, sorted(tensor.shape for tensor in held.values())


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize("training", [True, False])
def test_modules_pass_and_keep_as_on_a_cpu(name: str, training: bool) -> None:
    real = passed(MODULES[name]().train(training), torch.randn(3, 6, 5, 4, requires_grad=True))
    with shapes_alone():
        module = MODULES[name]().train(training)
        found = passed(module, torch.empty(3, 6, 5, 4, requires_grad=True))
    if not training:  # what evaluation keeps of a norm is not asked for anywhere
        real, found = real[:2], found[:2]
    assert found == real


def test_nothing_has_values() -> None:
    with shapes_alone():
        module = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.ReLU())
        output = module(torch.empty(2, 3, 8, 8))
    assert output.is_meta
    assert every(tensor.is_meta for tensor in (*module.parameters(), *module.buffers()))
    assert torch.zeros(1).device.type == "cpu", "outside all is as before"


def test_sums_of_other_types_are_torchs_own() -> None:
    with shapes_alone():
        assert (torch.empty(3, dtype=torch.int64) + 0.5).dtype == torch.float32
        assert (torch.empty(3, dtype=torch.float16) + torch.empty(2, 1)).shape == (2, 3)


@pytest.mark.slow
def test_networks_are_counted_without_torchs_compiler() -> None:
    code = "import sys, sasa_nas; sasa_nas.describe('sasa_resnet26'); sasa_nas.describe('san10_pairwise'); "
    code += "from sasa_nas.searching.plan import dry_run, plan_designs; "
    code += "plan = plan_designs(sasa_nas.load_space('resnet_hybrid'), sasa_nas.SearchSettings()); "
    code += "print(len(list(dry_run(plan, 24))), 'torch._dynamo' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "24 False\n"
