"""A `.pt2` file from elsewhere is refused before torch evaluates anything in it."""

import contextlib
import io
import json
import pickle
import warnings
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from sasa_nas.errors import UserError
from sasa_nas.exporting.archive import checked_archive
from sasa_nas.exporting.foreign import ForeignFileError


class Tiny(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x * self.weight).reshape(x.shape[0], 3, 1).mean((1, 2))


@pytest.fixture(scope="module")
def entries(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The content of a good archive."""
    path = tmp_path_factory.mktemp("archive") / "model.pt2"
    batch = torch.export.Dim("batch", min=1)
    program = torch.export.export(Tiny(), (torch.zeros(2, 3),), dynamic_shapes=({0: batch},))
    program = program.run_decompositions({})
    program.example_inputs = None
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)
    torch.export.save(program, path)
    checked_archive("model.pt2", path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def written(entries: dict[str, bytes], *, compression: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return file.getvalue()


class Calls:
    def __reduce__(self):
        return (Path.touch, (Path("/nowhere/touched"),))


EVIL = "__import__('os').system('true')"


def renamed(data: Any, old: str, new: str) -> Any:
    """The same JSON with one name for another, wherever it stands."""
    if isinstance(data, dict):
        return {new if key == old else key: renamed(value, old, new) for key, value in data.items()}
    if isinstance(data, list):
        return [renamed(item, old, new) for item in data]
    return new if data == old else data


def changed(entries: dict[str, bytes], how: str) -> dict[str, bytes]:
    model = next(name for name in entries if name.endswith("models/model.json"))
    config = next(name for name in entries if name.endswith("model_weights_config.json"))
    sample = next(name for name in entries if name.endswith("sample_inputs/model.pt"))
    root = model.partition("/")[0]
    tree, weights = json.loads(entries[model]), json.loads(entries[config])
    graph = tree["graph_module"]["graph"]
    first = next(iter(weights["config"].values()))
    others: dict[str, bytes] = {}
    match how:
        case "size":
            next(iter(graph["sym_int_values"].values()))["as_expr"]["expr_str"] = EVIL
        case "code":
            tree["guards_code"] = [EVIL]
        case "function":
            graph["nodes"][0]["target"] = "torch.hub.load"
        case "file":
            graph["nodes"][0]["target"] = "torch.ops.aten.from_file.default"
        case "custom operator":
            graph["nodes"][0]["target"] = "torch.ops.mine.op.default"
        case "control flow":
            graph["nodes"][0]["target"] = "torch.ops.higher_order.cond"
        case "subgraph":
            graph["nodes"][0]["inputs"][0]["arg"] = {"as_graph": {"name": "g", "graph": {"nodes": []}}}
        case "name":
            tree = renamed(tree, "x", f"x={EVIL}")
        case "key":
            graph["tensor_values"][EVIL] = next(iter(graph["tensor_values"].values()))
        case "structure":
            signature = tree["graph_module"]["module_call_graph"][0]["signature"]
            signature["in_spec"] = signature["in_spec"].replace("builtins.tuple", "collections.defaultdict")
        case "object":
            graph["custom_obj_values"] = {"x": {"name": "x", "class_fqn": "x"}}
        case "device":
            next(iter(graph["tensor_values"].values()))["device"]["type"] = "cuda"
        case "pickled":
            first["use_pickle"] = True
        case "place":
            first["path_name"] = "../../weights/weight_0"
        case "pickled constant":
            first["path_name"] = "opaque_obj_0"
        case "pickle":
            others[sample] = pickle.dumps(Calls())
        case "library":
            others[f"{root}/data/aotinductor/model/x.so"] = b"\x7fELF"
        case "second model":
            others[f"{root}/models/other.json"] = b"{}"
    return {**entries, model: json.dumps(tree).encode(), config: json.dumps(weights).encode(), **others}


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("size", "the size"),
        ("code", "code that checks inputs"),
        ("function", r"the operator 'torch\.hub\.load'"),
        ("file", r"the operator 'torch\.ops\.aten\.from_file\.default'"),
        ("custom operator", "the operator"),
        ("control flow", "the operator"),
        ("subgraph", "the argument 'as_graph'"),
        ("name", r"the name \"x=__import__"),
        ("key", "the name"),
        ("structure", "the structure"),
        ("object", "custom objects"),
        ("device", "the device 'cuda'"),
        ("pickled", "pickled tensors"),
        ("place", "the place of a tensor"),
        ("pickled constant", "the place of a tensor"),
        ("pickle", "the pickle"),
        ("library", "the entry"),
        ("second model", "the entry"),
    ],
)
def test_what_could_be_executed_is_refused(entries: dict[str, bytes], how: str, words: str) -> None:
    with pytest.raises(ForeignFileError, match=rf"^model\.pt2 holds {words}"):
        checked_archive("model.pt2", written(changed(entries, how)))


def test_a_node_named_like_code_would_be_executed_by_torch(entries: dict[str, bytes], tmp_path: Path) -> None:
    """The reason for the rule on names; where torch no longer does so, the rule may go."""
    mark = tmp_path / "executed"
    model = next(name for name in entries if name.endswith("models/model.json"))
    tree = renamed(json.loads(entries[model]), "x", f"x=open({str(mark)!r}, 'w')")
    file = tmp_path / "model.pt2"
    file.write_bytes(written({**entries, model: json.dumps(tree).encode()}))
    with pytest.raises(ForeignFileError):
        checked_archive("model.pt2", file.read_bytes())
    with contextlib.suppress(Exception):
        torch.export.load(file).module()
    assert mark.exists()


def test_what_is_accepted_is_written_anew_and_computes_the_same(entries: dict[str, bytes], tmp_path: Path) -> None:
    file = tmp_path / "model.pt2"
    file.write_bytes(checked_archive("model.pt2", written(changed(entries, "nothing"))))
    x = torch.randn(4, 3)
    torch.testing.assert_close(torch.export.load(file).module()(x), Tiny()(x))


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 torn", b"PK\5\6" + bytes(18)])
def test_what_is_no_archive_is_named(content: bytes) -> None:
    with pytest.raises(UserError, match=r"^model\.pt2 is damaged or no file"):
        checked_archive("model.pt2", content)


def test_archives_that_readers_disagree_on_are_damaged(entries: dict[str, bytes]) -> None:
    good = written(entries)
    name = next(iter(entries))
    twice = io.BytesIO(good)
    with zipfile.ZipFile(twice, "a") as archive, warnings.catch_warnings(action="ignore"):
        archive.writestr(name, b"other")
    broken = {
        "truncated": good[:-100],
        "behind another": good + good,
        "two entries": twice.getvalue(),
        "two folders": written({**entries, "other/version": b"1"}),
        "zero in a name": written({**entries, "model/verxion": b""}).replace(b"model/verxion", b"model/ver\0ion"),
        "bomb": written({**entries, "model/.data/x": bytes(10**6)}, compression=zipfile.ZIP_DEFLATED),
        "deep": written({**entries, next(n for n in entries if n.endswith("model.json")): b"[" * 10**5}),
        "no JSON": written({**entries, next(n for n in entries if n.endswith("model.json")): b"\xff"}),
    }
    for how, content in broken.items():
        with pytest.raises(UserError, match=r"^model\.pt2 is damaged or no file") as caught:
            checked_archive("model.pt2", content)
        assert not isinstance(caught.value, ForeignFileError), how
