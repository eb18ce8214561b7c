"""The main job as a person does it: search, look, take the best network home."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sasa_nas.cli.app import main
from sasa_nas.space.files import shipped_spaces

ALONE = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"sasa_nas", "pydantic", "ray", "optuna", "safetensors"}:
            raise ImportError(name)
sys.meta_path.insert(0, Blocked())
sys.path.insert(0, sys.argv[1])
import torch
from model import load
network = load()
for batch in (1, 7):
    images = torch.randn(batch, 1, 8, 8, generator=torch.Generator().manual_seed(batch))
    with torch.no_grad():
        print(network(images).flatten().tolist())
"""


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_search_pareto_describe_export(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import torch
    from safetensors.torch import load_file

    from sasa_nas.models import build
    from sasa_nas.space import load_architecture

    space = tmp_path / "mine.yaml"
    space.write_text(re.sub(r"epochs: \d+", "epochs: 1", shipped_spaces()["tiny"].read_text()))
    run = tmp_path / "run"
    assert main(["search", "--space", str(space), "--trials", "4", "--workers", "1", "--out", str(run)]) == 0
    printed = capsys.readouterr()
    assert f"Run: {run}" in printed.out
    assert "4/4 trained" in printed.err
    assert f"pareto {run} --plot" in printed.out

    assert main(["pareto", str(run), "--json", "--plot", str(run / "front.png")]) == 0
    front = json.loads(capsys.readouterr().out)
    points = [(point["accuracy"], point["flops"]) for point in front["front"]]
    assert points
    assert not any(a != b and a[0] >= b[0] and a[1] <= b[1] for a in points for b in points), (
        "a listed point dominates another"
    )
    assert (run / "front.png").read_bytes().startswith(b"\x89PNG")

    for point in front["front"]:
        folder = run / "trials" / f"{point['trial']:04d}"
        assert main(["describe", str(folder), "--json"]) == 0
        described = json.loads(capsys.readouterr().out)
        assert described["flops"] == point["flops"]
        assert described["params"] == point["params"]

    assert main(["export", str(run), "--pick", "best", "--out", str(tmp_path / "exported")]) == 0
    best = max(front["front"], key=lambda point: point["accuracy"])["trial"]
    network = build(load_architecture(run / "trials" / f"{best:04d}" / "architecture.json"))
    network.load_state_dict(load_file(run / "trials" / f"{best:04d}" / "weights.safetensors"))
    answer = subprocess.run(
        [sys.executable, "-c", ALONE, str(tmp_path / "exported")], capture_output=True, text=True, check=True
    )
    for batch, line in zip((1, 7), answer.stdout.splitlines(), strict=True):
        images = torch.randn(batch, 1, 8, 8, generator=torch.Generator().manual_seed(batch))
        with torch.no_grad():
            expected = network.eval()(images).flatten()
        torch.testing.assert_close(torch.tensor(json.loads(line)), expected, atol=1e-5, rtol=0)
