import pytest
import torch
from assertions import every
from export_cases import architecture, trained_like
from safetensors.torch import save_file

from sasa_nas.errors import UserError
from sasa_nas.exporting import weights as weights_module
from sasa_nas.exporting.weights import check_weights, load_weights, save_weights


def test_weights_come_back_as_they_were(tmp_path):
    weights = trained_like(architecture()).state_dict()
    path = tmp_path / "w.safetensors"
    save_weights(path, weights)
    loaded = load_weights(path)
    assert loaded.keys() == weights.keys()
    assert every(torch.equal(loaded[name], weights[name]) for name in weights)


def test_shared_and_strided_tensors_can_be_saved(tmp_path):
    whole = torch.arange(12.0).reshape(3, 4)
    path = tmp_path / "w.safetensors"
    save_weights(path, {"whole": whole, "turned": whole.T, "same": whole})
    loaded = load_weights(path)
    assert torch.equal(loaded["turned"], whole.T)
    assert torch.equal(loaded["same"], whole)


def test_a_missing_file_is_a_user_error(tmp_path):
    with pytest.raises(UserError, match=r"absent.safetensors does not exist"):
        load_weights(tmp_path / "absent.safetensors")
    with pytest.raises(UserError, match="does not exist"):
        load_weights(tmp_path)


@pytest.mark.parametrize("content", [b"", b"junk", b'\x08\0\0\0\0\0\0\0{"a":1} ', (2**62).to_bytes(8, "little")])
def test_a_damaged_file_is_a_user_error(tmp_path, content):
    path = tmp_path / "w.safetensors"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"w\.safetensors is damaged") as caught:
        load_weights(path)
    assert "\n" not in str(caught.value)


def test_a_truncated_file_is_a_user_error(tmp_path):
    path = tmp_path / "w.safetensors"
    save_file({"a": torch.ones(9)}, path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(UserError, match="is damaged"):
        load_weights(path)


def test_a_file_for_more_memory_than_there_is_is_a_user_error(tmp_path, monkeypatch):
    def refuse(path):
        raise MemoryError

    path = tmp_path / "w.safetensors"
    save_file({"a": torch.ones(9)}, path)
    monkeypatch.setattr(weights_module, "read_safetensors", refuse)
    with pytest.raises(UserError, match="bytes, more than there is memory"):
        load_weights(path)


def test_weights_of_the_architecture_pass():
    check_weights(architecture(), trained_like(architecture()).state_dict())
    halves = {n: t.half() if t.is_floating_point() else t for n, t in trained_like(architecture()).state_dict().items()}
    check_weights(architecture(), halves)


def test_weights_of_another_network_are_refused():
    weights = trained_like(architecture()).state_dict()
    with pytest.raises(UserError, match=r"stages\.0\.0\.operator\.rel_rows is missing"):
        check_weights(architecture("local"), weights)
    with pytest.raises(UserError, match=r"classifier.bias is \(4,\) and must be \(5,\)"):
        check_weights(architecture(), {**weights, "classifier.bias": torch.zeros(4)})
    with pytest.raises(UserError, match=r"classifier.bias is torch.int64"):
        check_weights(architecture(), {**weights, "classifier.bias": torch.zeros(5, dtype=torch.int64)})
    with pytest.raises(UserError, match="it has no extra"):
        check_weights(architecture(), {**weights, "extra": torch.zeros(1)})
