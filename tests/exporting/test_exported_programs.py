"""Networks in every format, run where the package is blocked; every block and stem as a graph."""

import copy
import functools
import io
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from assertions import every
from detector_cases import small_detector, sure_network
from export_cases import images, trained_like, varied_architectures, written_architectures
from forked import run_forked
from safetensors.torch import load_file, save_file
from torch.export import ExportedProgram

from sasa_nas.blocks import BLOCKS
from sasa_nas.channel_attention import CHANNEL_ATTENTIONS
from sasa_nas.cli.app import main
from sasa_nas.errors import UserError
from sasa_nas.exporting import alone
from sasa_nas.exporting.archive import checked_archive
from sasa_nas.exporting.card import ModelCard
from sasa_nas.exporting.contents import read_contents
from sasa_nas.exporting.folder import export_network
from sasa_nas.exporting.format import Subject, all_formats
from sasa_nas.exporting.formats import FORMATS
from sasa_nas.exporting.formats.onnx import with_global_pools_reduced
from sasa_nas.exporting.graph_operators import ATEN_OPERATORS, ONNX_OPERATORS
from sasa_nas.exporting.program import trace
from sasa_nas.exporting.verification import verify_here
from sasa_nas.models import Network

WRITTEN, VARIED = written_architectures(), varied_architectures()

CHILD = """
import importlib.util, json, sys
from pathlib import Path
import numpy as np

spec = importlib.util.spec_from_file_location("alone", sys.argv[1])
alone = importlib.util.module_from_spec(spec)
spec.loader.exec_module(alone)
sys.meta_path.insert(0, alone.Blocker(alone.BLOCKED))
import torch

torch.set_num_threads(1)
worst = {}
export, folder = map(Path, sys.argv[2:4])
cases = [(np.load(folder / f"x{batch}.npy"), np.load(folder / f"y{batch}.npy")) for batch in (1, 5)]
for kind, file in json.loads(sys.argv[4]).items():
    network = alone.read_loader(folder / f"{kind}.py")(export / file)
    worst[kind] = [float(abs(output - y).max()) for x, y in cases for output in alone.arrays(network(x))]
print(json.dumps({"worst": worst, "loaded": sorted(alone.BLOCKED & {n.partition(".")[0] for n in sys.modules})}))
"""


@functools.cache
def traced(name: str) -> tuple[Network, ExportedProgram]:
    """One of `VARIED` and its graph."""
    network = trained_like(VARIED[name])
    return network, trace(network, network.architecture.image)


def saved(name: str) -> bytes:
    """The graph's file, as the exporter writes it."""
    return saved_program(traced(name)[1])


def saved_program(traced: ExportedProgram) -> bytes:
    """A graph's file, as the exporter writes it."""
    file, program = io.BytesIO(), copy.copy(traced)
    program.example_inputs = None
    torch.export.save(program, file)
    return file.getvalue()


@functools.cache
def detector() -> Subject:
    """A detector to export."""
    described = small_detector()
    return Subject(described, sure_network(described).state_dict(), "detector")


FILES = {one.name: one.file for one in all_formats()}
BY_DAY = "rest"
EACH = [pytest.param(name, marks=[pytest.mark.night] * (name != BY_DAY)) for name in WRITTEN]
"""The networks of `WRITTEN`, by day the smaller one."""
Exports = Callable[[str], Path]


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Exports:
    """The export of one of `WRITTEN` in every format, by its name."""
    folder = tmp_path_factory.mktemp("exports")

    @functools.cache
    def exported(name: str) -> Path:
        one = WRITTEN[name]
        export_network(one, trained_like(one).state_dict(), folder / name, ModelCard("net"), tuple(FORMATS))
        return folder / name

    return exported


@pytest.fixture
def whole(exports: Exports) -> Path:
    """The smaller one of the exports."""
    return exports(BY_DAY)


def test_the_networks_hold_all_there_is() -> None:
    attentions = {stage.channel_attention.kind for stage in WRITTEN["much"].stages if stage.channel_attention}
    assert attentions == set(CHANNEL_ATTENTIONS.kinds)
    networks = [*WRITTEN.values(), *VARIED.values()]
    assert {one.block for one in networks} == set(BLOCKS)
    assert {one.stem.kind for one in networks} == {"conv", "attention"}


def test_nested_answers_are_arrays_in_their_order() -> None:
    tensors = [torch.full((2,), float(i)) for i in range(4)]
    nested = ([tensors[0], (tensors[1].numpy(), [])], tensors[2], [[tensors[3]]])
    found = alone.arrays(nested)
    assert [array.tolist() for array in found] == [[i, i] for i in range(4)]
    assert {type(array) for array in [*found, *alone.arrays(tensors[0])]} == {np.ndarray}


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", EACH)
def test_every_format_computes_the_network_without_the_package(exports: Exports, name: str, tmp_path: Path) -> None:
    for known in all_formats():
        (tmp_path / f"{known.name}.py").write_text(alone.loader_source(known.load))
    network = trained_like(WRITTEN[name])
    for batch in (1, 5):
        x = images(WRITTEN[name], batch)
        with torch.no_grad():
            y = network(x)
        np.save(tmp_path / f"x{batch}.npy", x)
        np.save(tmp_path / f"y{batch}.npy", y)
    # logits that vary, so that agreement says something
    assert y.std() > 1e-2
    command = [sys.executable, "-P", "-c", CHILD, alone.__file__, str(exports(name)), str(tmp_path), json.dumps(FILES)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout.splitlines()[-1])
    assert answer["loaded"] == []
    assert answer["worst"].keys() == set(FORMATS)
    assert {file: worst for file, worst in answer["worst"].items() if not max(worst) <= 1e-4} == {}


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", EACH)
def test_no_file_tells_of_the_machine_that_made_it(exports: Exports, name: str) -> None:
    for file in FILES.values():
        content = (exports(name) / file).read_bytes()
        assert str(Path(alone.__file__).parent.parent).encode() not in content
        assert sys.prefix.encode() not in content


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", VARIED)
def test_every_graph_computes_its_network(name: str) -> None:
    network, program = traced(name)
    graph = program.module()
    for batch in (1, 5):
        x = images(VARIED[name], batch)
        with torch.no_grad():
            y = network(x)
            torch.testing.assert_close(graph(x), y, rtol=0, atol=1e-4)
    assert y.std() > 1e-2


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", EACH)
def test_every_file_is_one_that_verification_runs_without_consent(exports: Exports, name: str) -> None:
    for kind in all_formats():
        contents = read_contents(exports(name), [kind.file, *kind.further_files])
        assert kind.inspect(contents, WRITTEN[name]).keys() == contents.keys()


@pytest.mark.night
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_operators_of_torch_are_those_that_files_hold(exports: Exports) -> None:
    found: set[str] = set()
    files = [exports(name) / "model.pt2" for name in WRITTEN]
    for content in [*(file.read_bytes() for file in files), *map(saved, VARIED), saved_program(detector().program)]:
        with zipfile.ZipFile(io.BytesIO(checked_archive("model.pt2", content))) as archive:
            model = next(entry for entry in archive.namelist() if entry.endswith("/models/model.json"))
            tree = json.loads(archive.read(model))
        found |= {node["target"] for node in tree["graph_module"]["graph"]["nodes"]}
    assert sorted(ATEN_OPERATORS - found) == []


@pytest.mark.night
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_operators_of_onnx_are_those_that_files_hold(exports: Exports) -> None:
    found = {node.op_type for name in WRITTEN for node in onnx.load(exports(name) / "model.onnx").graph.node}
    # what is computed beforehand of small maps, and left in the graphs of large ones
    for program in (traced("basic")[1], traced("san")[1], detector().program):
        program = with_global_pools_reduced(program)
        unfolded = torch.onnx.export(program, dynamo=True, verbose=False, optimize=False)
        assert unfolded is not None
        found |= {node.op_type for node in unfolded.model_proto.graph.node} - {"Constant", "CastLike", "Identity"}
    assert sorted(found ^ ONNX_OPERATORS) == []


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", EACH)
def test_sides_of_maps_are_named_by_the_batch_or_not_at_all(exports: Exports, name: str) -> None:
    """A runtime takes sides of one name for equal, and lets values of equal shapes share their memory."""
    graph = onnx.load(exports(name) / "model.onnx").graph
    shapes = [value.type.tensor_type.shape for value in (*graph.value_info, *graph.input, *graph.output)]
    names = {side.dim_param for shape in shapes for side in shape.dim if side.dim_param}
    assert "batch" in names
    assert [name for name in names if "batch" not in name] == []


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_whole_export_is_right(whole: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify-export", str(whole), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["ok"] is True
    assert report["architecture_id"] == WRITTEN["rest"].id
    assert [(check["format"], check["batch"]) for check in report["checks"]] == [
        (kind, batch) for kind in FORMATS for batch in (1, 5)
    ]
    assert every(0 <= check["largest_difference"] <= 1e-4 and check["ok"] for check in report["checks"])


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_other_weights_and_torn_files_are_found(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "net"
    shutil.copytree(whole, folder)
    for name in ("model.py", "model.pt2"):
        (folder / name).unlink()
    weights = load_file(folder / "model.safetensors")
    weights["classifier.bias"] = weights["classifier.bias"] + 2e-4
    save_file(weights, folder / "model.safetensors")
    assert main(["verify-export", str(folder)]) == 2
    captured = capsys.readouterr()
    assert captured.out.count("WRONG") == 2
    assert "2.0e-04" in captured.out
    assert captured.err.startswith("sasa-nas: ")
    assert captured.err.count("\n") == 1
    content = (folder / "model.onnx").read_bytes()
    (folder / "model.onnx").write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match=r"model\.onnx is damaged or no ONNX model: .*; export again"):
        verify_here(folder)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_cards_programs_run(whole: Path) -> None:
    programs = [part.partition("```")[0] for part in (whole / "README.md").read_text().split("```python\n")[1:]]
    # the module's is shown with timm, too
    assert len(programs) == len(FORMATS) + 1
    for program in programs:
        done = run_forked(["-c", program], cwd=whole)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip().strip("tensor()").strip("[]").isdecimal()
