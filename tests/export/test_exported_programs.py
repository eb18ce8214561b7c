"""Every kind of network in every format, run where the package is blocked, against the network itself."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from export_cases import covering_architectures, images, trained_like

from sasa_nas.export import ModelCard, alone, export_network
from sasa_nas.export.formats import FORMATS
from sasa_nas.space.operators import OPERATORS
from sasa_nas.space.stage import BLOCKS

COVERING = covering_architectures()

CHILD = """
import importlib.util, json, sys
from pathlib import Path
import numpy as np

spec = importlib.util.spec_from_file_location("alone", sys.argv[1])
alone = importlib.util.module_from_spec(spec)
spec.loader.exec_module(alone)
blocked = alone.BLOCKED["module"]
sys.meta_path.insert(0, alone.Blocker(blocked))
import torch

torch.set_num_threads(1)
folder, worst = Path(sys.argv[2]), {}
for kind, file in json.loads(sys.argv[3]).items():
    network = alone.LOADERS[kind](folder / file)
    cases = [(np.load(folder / f"x{batch}.npy"), np.load(folder / f"y{batch}.npy")) for batch in (1, 5)]
    worst[kind] = [float(abs(network(x) - y).max()) for x, y in cases]
print(json.dumps({"worst": worst, "loaded": sorted(blocked & {n.partition(".")[0] for n in sys.modules})}))
"""

FILES = {"module": "net/model.py", "torch_export": "net/model.pt2", "onnx": "net/model.onnx"}


def test_the_covering_networks_cover() -> None:
    operators = {stage.operator for one in COVERING.values() for stage in one.stages}
    assert {operator.kind for operator in operators} == {kind.model_fields["kind"].default for kind in OPERATORS}
    assert {one.block for one in COVERING.values()} == set(BLOCKS)
    assert {one.stem.kind for one in COVERING.values()} == {"conv", "attention"}
    for kind, field, values in (
        ("local_attention", "positions", {"none", "absolute", "relative"}),
        ("local_attention", "interactions", {"content", "relative", "both"}),
        ("local_attention", "padding", {"mask", "zeros"}),
        ("augmented_conv", "positions", {"none", "sine", "coordconv", "relative"}),
        ("augmented_conv", "downsample", {False, True}),
        ("pairwise", "relation", {"sum", "subtraction", "hadamard", "concatenation", "dot"}),
        ("patchwise", "relation", {"star", "clique", "concatenation"}),
        ("global_attention", "positions", {"none", "relative"}),
    ):
        assert {getattr(operator, field) for operator in operators if operator.kind == kind} == values


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", COVERING)
def test_every_format_computes_the_network_without_the_package(name: str, tmp_path: Path) -> None:
    network = trained_like(COVERING[name])
    export_network(COVERING[name], network.state_dict(), tmp_path / "net", ModelCard(name), FORMATS)
    for batch in (1, 5):
        x = images(COVERING[name], batch)
        with torch.no_grad():
            y = network(x)
        np.save(tmp_path / f"x{batch}.npy", x)
        np.save(tmp_path / f"y{batch}.npy", y)
    # logits that vary, so that agreement says something
    assert y.std() > 1e-2
    command = [sys.executable, "-P", "-c", CHILD, alone.__file__, str(tmp_path), json.dumps(FILES)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout.splitlines()[-1])
    assert answer["loaded"] == []
    assert answer["worst"].keys() == set(FORMATS)
    assert {kind: worst for kind, worst in answer["worst"].items() if not max(worst) <= 1e-4} == {}
    # nothing tells of the machine that made it
    for file in FILES.values():
        content = (tmp_path / file).read_bytes()
        assert str(Path(alone.__file__).parent.parent).encode() not in content
        assert sys.prefix.encode() not in content
