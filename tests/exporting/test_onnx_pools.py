"""Pools over whole maps are reductions in ONNX, whatever the version of its exporter."""

from pathlib import Path
from types import SimpleNamespace

import onnx
import pytest
import torch
from torch import Tensor, nn
from torch.export import Dim

from sasa_nas.exporting import alone
from sasa_nas.exporting.formats.onnx import FORMAT
from sasa_nas.exporting.task_export import Output

DYNAMIC = ({0: Dim("batch", min=1)},)


class Pools(nn.Module):
    """The maximum and the mean of each map, and the means of its quarters."""

    def __init__(self) -> None:
        super().__init__()
        self.pools = nn.ModuleList([nn.AdaptiveMaxPool2d(1), nn.AdaptiveAvgPool2d(1), nn.AdaptiveAvgPool2d(2)])

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([pool(x).flatten(1) for pool in self.pools], dim=1)


@pytest.mark.slow
def test_global_pools_are_reductions(tmp_path: Path) -> None:
    program = torch.export.export(Pools(), (torch.zeros(2, 3, 8, 6),), dynamic_shapes=DYNAMIC).run_decompositions({})
    FORMAT.write(SimpleNamespace(program=program, outputs=(Output("logits"),)), tmp_path)
    found = {node.op_type for node in onnx.load(tmp_path / "model.onnx").graph.node}
    assert {"ReduceMax", "ReduceMean", "AveragePool"} <= found
    assert not {"Loop", "MaxPool", "ArgMax"} & found
    x = torch.randn(5, 3, 8, 6, generator=torch.Generator().manual_seed(0))
    maxima, means = x.flatten(2).max(2).values, x.mean((2, 3))
    quarters = x.unfold(2, 4, 4).unfold(3, 3, 3).mean((4, 5)).flatten(1)
    (answer,) = alone.arrays(FORMAT.load(tmp_path / "model.onnx")(x.numpy()))
    logits = torch.from_numpy(answer)
    torch.testing.assert_close(logits, torch.cat([maxima, means, quarters], dim=1))
