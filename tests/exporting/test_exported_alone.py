"""Exported networks in an interpreter that has torch but none of the package's own needs, and where the package is."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from export_cases import (
    CASES,
    architecture,
    changed_architectures,
    images,
    import_file,
    mixed_architecture,
    trained_like,
)

from sasa_nas.exporting.card import ModelCard
from sasa_nas.exporting.folder import export_network
from sasa_nas.operators import OPERATORS
from sasa_nas.testing.case import cases_of, network_of

CHILD = """
import importlib.util, json, sys
from pathlib import Path

BLOCKED = {"sasa_nas", "pydantic", "safetensors", "ray", "optuna"}

class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ImportError(f"{name} is blocked")

sys.meta_path.insert(0, Block())
import torch

torch.set_num_threads(1)
worst = {}
for folder in sorted(Path(sys.argv[1]).iterdir()):
    spec = importlib.util.spec_from_file_location(f"exported_{folder.name}", folder / "model.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    network = module.load()
    cases = torch.load(Path(sys.argv[2]) / f"{folder.name}.pt", weights_only=True)
    with torch.no_grad():
        worst[folder.name] = max(float((network(x) - y).abs().max()) for x, y in cases)
print(json.dumps({"worst": worst, "loaded": sorted(BLOCKED & {n.partition(".")[0] for n in sys.modules})}))
"""


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder `nets` of exports, and for each a file of cases, images and their logits, in `data`."""
    folder = tmp_path_factory.mktemp("exported")
    (folder / "data").mkdir()
    described = {f"net{i:02d}": architecture(*case) for i, case in enumerate(CASES)}
    described |= {"mixed": mixed_architecture(), **changed_architectures()}
    described |= {kind: network_of(cases_of(kind)) for kind in OPERATORS.kinds}
    for name, one in described.items():
        network = trained_like(one)
        export_network(one, network.state_dict(), folder / "nets" / name, ModelCard(name))
        with torch.no_grad():
            cases = [(x, network(x)) for x in (images(one, 1), images(one, 7))]
        # logits that vary, so that agreement says something
        assert cases[1][1].std() > 1e-2
        torch.save(cases, folder / "data" / f"{name}.pt")
    return folder


@pytest.mark.slow
def test_every_kind_of_network_gives_the_same_logits_with_torch_alone(exported: Path) -> None:
    nets, data = exported / "nets", exported / "data"
    done = subprocess.run(
        [sys.executable, "-I", "-c", CHILD, str(nets), str(data)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["loaded"] == []
    assert answer["worst"].keys() == {folder.name for folder in nets.iterdir()}
    assert len(answer["worst"]) > len(CASES)
    assert {name: error for name, error in answer["worst"].items() if not error <= 1e-5} == {}


@pytest.mark.slow
def test_every_kind_of_network_gives_the_same_logits_where_the_package_is_installed(exported: Path) -> None:
    for folder in (exported / "nets").iterdir():
        loaded = import_file(folder / "model.py", "exported").load()
        assert not loaded.training
        for x, y in torch.load(exported / "data" / f"{folder.name}.pt", weights_only=True):
            with torch.no_grad():
                torch.testing.assert_close(loaded(x), y, rtol=1e-5, atol=1e-5)
