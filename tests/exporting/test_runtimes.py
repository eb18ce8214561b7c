"""ONNX models of every operator in onnxruntime and in OpenVINO."""

from pathlib import Path

import pytest
import torch
from export_cases import images, trained_like

from sasa_nas.exporting import alone
from sasa_nas.exporting.format import Subject, format_of
from sasa_nas.operators import OPERATORS
from sasa_nas.testing.case import cases_of, network_of

openvino = pytest.importorskip("openvino")

# by day files are run by onnxruntime alone (test_exported_programs.py)
pytestmark = [pytest.mark.night, pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.mark.parametrize("kind", OPERATORS.kinds)
def test_two_runtimes_compute_the_networks_logits(kind: str, tmp_path: Path) -> None:
    architecture = network_of(cases_of(kind))
    network = trained_like(architecture)
    onnx = format_of("onnx")
    onnx.write(Subject(architecture, network.state_dict(), kind), tmp_path)
    model = openvino.compile_model(tmp_path / onnx.file, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    session = onnx.load(tmp_path / onnx.file)
    for batch in (1, 5):
        x = images(architecture, batch)
        with torch.no_grad():
            expected = network(x)
        for answer in (model({"images": x.numpy()})["logits"], *alone.arrays(session(x.numpy()))):
            torch.testing.assert_close(torch.from_numpy(answer), expected, rtol=0, atol=1e-4)
    assert expected.std() > 1e-2
