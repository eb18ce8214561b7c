"""A `.pt2` file from elsewhere is refused before torch evaluates anything in it."""

import json
import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn

from sasa_nas.errors import UserError
from sasa_nas.export.archive import inspect_archive


class Tiny(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x * self.weight).reshape(2 * x.shape[0] // 2, 3).sum(1)


@pytest.fixture(scope="module")
def entries(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The content of a good archive."""
    path = tmp_path_factory.mktemp("archive") / "model.pt2"
    batch = torch.export.Dim("batch", min=1)
    program = torch.export.export(Tiny(), (torch.zeros(2, 3),), dynamic_shapes=({0: batch},))
    torch.export.save(program.run_decompositions({}), path)
    inspect_archive(path)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def written(path: Path, entries: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


class Calls:
    def __reduce__(self):
        return (Path.touch, (Path("/nowhere/touched"),))


EVIL = "__import__('os').system('true')"


def changed(entries: dict[str, bytes], how: str) -> dict[str, bytes]:
    model = next(name for name in entries if name.endswith("models/model.json"))
    config = next(name for name in entries if name.endswith("model_weights_config.json"))
    sample = next(name for name in entries if name.endswith("sample_inputs/model.pt"))
    tree, weights = json.loads(entries[model]), json.loads(entries[config])
    if how == "size":
        sizes = tree["graph_module"]["graph"]["sym_int_values"]
        next(iter(sizes.values()))["as_expr"]["expr_str"] = EVIL
    elif how == "code":
        tree["guards_code"] = [EVIL]
    elif how == "operator":
        tree["graph_module"]["graph"]["nodes"][0]["target"] = "torch.hub.load"
    elif how == "pickled":
        next(iter(weights["config"].values()))["use_pickle"] = True
    others = {model: json.dumps(tree).encode(), config: json.dumps(weights).encode()}
    if how == "pickle":
        others[sample] = pickle.dumps(Calls())
    if how == "library":
        others[f"{model.partition('/')[0]}/data/aotinductor/model/x.so"] = b"\x7fELF"
    return {**entries, **others}


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("size", "the size"),
        ("code", "code that checks inputs"),
        ("operator", r"the operator 'torch\.hub\.load'"),
        ("pickled", "pickled tensors"),
        ("pickle", "the pickle"),
        ("library", "the entry"),
    ],
)
def test_what_could_be_executed_is_refused(tmp_path: Path, entries: dict[str, bytes], how: str, words: str) -> None:
    with pytest.raises(UserError, match=f"holds {words}"):
        inspect_archive(written(tmp_path / "model.pt2", changed(entries, how)))


def test_the_same_archive_written_anew_is_accepted(tmp_path: Path, entries: dict[str, bytes]) -> None:
    inspect_archive(written(tmp_path / "model.pt2", changed(entries, "nothing")))


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 torn"])
def test_what_is_no_archive_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.pt2"
    path.write_bytes(content)
    with pytest.raises(UserError, match="is damaged or no file"):
        inspect_archive(path)


def test_a_truncated_archive_is_named(tmp_path: Path, entries: dict[str, bytes]) -> None:
    path = written(tmp_path / "model.pt2", entries)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UserError, match="is damaged or no file"):
        inspect_archive(path)
