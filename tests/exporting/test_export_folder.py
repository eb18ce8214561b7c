import os
import sys
from pathlib import Path

import pytest
import torch
from assertions import every
from export_cases import architecture, import_file, trained_like

from sasa_nas import ops
from sasa_nas.errors import UserError
from sasa_nas.exporting import folder as export_folder
from sasa_nas.exporting.card import ModelCard
from sasa_nas.exporting.folder import export_network
from sasa_nas.exporting.weights import load_weights
from sasa_nas.space.files import load_architecture

CARD = ModelCard("tiny", accuracy=0.5)
FILES = {"README.md", "__init__.py", "architecture.json", "config.json", "model.py", "model.safetensors"}


def export(folder, operator="conv", seed=0):
    described = architecture(operator)
    return export_network(described, trained_like(described, seed=seed).state_dict(), folder, CARD)


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_the_installed_operators_are_the_ones_that_run(tmp_path):
    module = import_file(export(tmp_path / "net", "local") / "model.py", "exported")
    assert module.local_attention is ops.local_attention
    assert module.LocalAttention2d.__module__ == "exported"


def test_the_folder_holds_all_that_is_needed(tmp_path):
    folder = export(tmp_path / "deep" / "net", "local")
    assert folder == tmp_path / "deep" / "net"
    assert set(content(folder)) == FILES
    assert [path.name for path in folder.parent.iterdir()] == ["net"]
    assert load_architecture(folder / "architecture.json") == architecture("local")
    expected = trained_like(architecture("local")).state_dict()
    loaded = load_weights(folder / "model.safetensors")
    assert every(torch.equal(loaded[name], expected[name]) for name in expected)
    mask = os.umask(0)
    os.umask(mask)
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o666 & ~mask}
    assert folder.stat().st_mode & 0o777 == 0o777 & ~mask


def test_the_folder_can_be_imported_as_a_package(tmp_path, monkeypatch):
    folder = export(tmp_path / "some_exported_net")
    monkeypatch.syspath_prepend(tmp_path)
    package = pytest.importorskip(folder.name)
    monkeypatch.delitem(sys.modules, folder.name)
    monkeypatch.delitem(sys.modules, f"{folder.name}.model")
    assert sorted(package.__all__) == ["ResNet", "build", "load"]
    assert isinstance(package.load(), package.ResNet)


def test_other_weights_can_be_loaded_and_foreign_ones_are_refused(tmp_path):
    one, other = export(tmp_path / "one"), export(tmp_path / "other", seed=1)
    foreign = export(tmp_path / "foreign", "local")
    module = import_file(one / "model.py", "exported")
    loaded = module.load(other / "model.safetensors").state_dict()
    expected = trained_like(architecture(), seed=1).state_dict()
    assert every(torch.equal(loaded[name], expected[name]) for name in expected)
    with pytest.raises(RuntimeError, match="Missing key"):
        module.load(str(foreign / "model.safetensors"))


def test_damaged_weights_are_refused_on_loading(tmp_path):
    folder = export(tmp_path / "net")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-3])
    with pytest.raises(ValueError, match=r"damaged entry for"):
        import_file(folder / "model.py", "exported").load()


def test_an_empty_folder_and_an_earlier_export_are_replaced(tmp_path):
    folder = tmp_path / "net"
    folder.mkdir()
    export(folder)
    (folder / "__pycache__").mkdir()
    (folder / "README.md").unlink()
    export(folder, "local")
    assert set(content(folder)) == FILES
    assert not (folder / "__pycache__").exists()
    assert load_architecture(folder / "architecture.json") == architecture("local")
    assert [path.name for path in tmp_path.iterdir()] == ["net"]


def test_an_export_of_an_earlier_version_is_replaced(tmp_path):
    folder = export(tmp_path / "net")
    (folder / "config.json").unlink()
    (folder / "model.safetensors").rename(folder / "weights.safetensors")
    export(folder)
    assert set(content(folder)) == FILES


def test_a_folder_behind_a_link_is_written_to_and_the_link_kept(tmp_path):
    (tmp_path / "real").mkdir()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "real")
    export(link)
    assert link.is_symlink()
    assert set(content(tmp_path / "real")) == FILES


@pytest.mark.parametrize("names", [["notes.txt"], ["model.py"], ["model.py", "architecture.json"]])
def test_a_folder_with_other_files_is_left_alone(tmp_path, names):
    folder = tmp_path / "net"
    folder.mkdir()
    for name in names:
        (folder / name).write_text("mine")
    with pytest.raises(UserError, match="is not empty and no earlier export"):
        export(folder)
    assert content(folder) == dict.fromkeys(names, b"mine")


def test_an_earlier_export_with_a_file_of_ones_own_is_left_alone(tmp_path):
    folder = export(tmp_path / "net")
    (folder / "notes.txt").write_text("mine")
    before = content(folder)
    with pytest.raises(UserError, match=r"also holds notes\.txt"):
        export(folder, "local")
    assert content(folder) == before


def test_unwritable_targets_are_user_errors(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UserError, match="is a file; choose a folder"):
        export(tmp_path / "file")
    with pytest.raises(UserError, match="choose another folder"):
        export(tmp_path / "file" / "net")
    with pytest.raises(UserError, match="cannot be written"):
        export(Path("/proc/nowhere/net"))
    assert (tmp_path / "file").read_text() == "mine"


def test_weights_of_another_network_leave_no_folder(tmp_path):
    weights = trained_like(architecture()).state_dict()
    with pytest.raises(UserError, match="not those of architecture"):
        export_network(architecture("local"), weights, tmp_path / "net", CARD)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_a_write_that_breaks_off_leaves_what_was_there(tmp_path, monkeypatch, error):
    folder = export(tmp_path / "net")
    before = content(folder)

    def fail(*_):
        raise error

    monkeypatch.setattr(export_folder, "save_weights", fail)
    with pytest.raises((UserError, KeyboardInterrupt)):
        export(folder, "local")
    assert content(folder) == before
    assert [path.name for path in tmp_path.iterdir()] == ["net"]


def test_a_failed_last_step_puts_the_earlier_export_back(tmp_path, monkeypatch):
    folder = export(tmp_path / "net")
    before = content(folder)
    rename = Path.rename

    def fail_for_new(self, target):
        if self.name == "new":
            raise OSError("no")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail_for_new)
    with pytest.raises(UserError, match="cannot be written: no"):
        export(folder, "local")
    monkeypatch.undo()
    assert content(folder) == before
    assert [path.name for path in tmp_path.iterdir()] == ["net"]
