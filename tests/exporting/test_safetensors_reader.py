import json

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError
from safetensors.torch import load, save, save_file

from sasa_nas.exporting.safetensors_reader import DTYPES, read_safetensors

TENSORS = {
    "a.weight": torch.arange(6.0).reshape(2, 3),
    "a.steps": torch.tensor(7),
    "half": torch.tensor([1.5, -2.0], dtype=torch.bfloat16),
    "empty": torch.zeros(0, 4),
}
WHOLE = save(TENSORS)


def packed(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def entry(dtype="F32", shape=(1,), offsets=(0, 4)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("reader") / "file.safetensors"


def read(path, content):
    path.write_bytes(content)
    return read_safetensors(path)


def equal(one, two):
    assert one.keys() == two.keys()
    for name in one:
        assert one[name].dtype == two[name].dtype
        assert torch.equal(one[name], two[name])


def test_reads_what_the_library_writes(scratch):
    equal(read(scratch, WHOLE), TENSORS)


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
def test_every_type_is_read(scratch, dtype):
    tensors = {"x": torch.tensor([[0, 1, 1], [1, 0, 1]]).to(dtype)}
    save_file(tensors, scratch, metadata={"who": "me"})
    equal(read_safetensors(scratch), tensors)


def test_the_tensors_can_be_written_to(scratch):
    tensors = read(scratch, WHOLE)
    tensors["a.weight"] += 1
    assert torch.equal(tensors["a.weight"], TENSORS["a.weight"] + 1)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, len(WHOLE) - 1))
def test_a_truncated_file_is_refused(scratch, length):
    with pytest.raises(ValueError, match="safetensors"):
        read(scratch, WHOLE[:length])


@settings(deadline=None, max_examples=200)
@given(place=st.integers(0, len(WHOLE) - 1), byte=st.integers(0, 255))
@example(place=8, byte=ord("["))
def test_a_changed_byte_is_refused_or_read_as_the_library_reads_it(scratch, place, byte):
    content = WHOLE[:place] + bytes([byte]) + WHOLE[place + 1 :]
    try:
        tensors = read(scratch, content)
    except ValueError:
        return
    try:
        expected = load(content)
    except (SafetensorError, ValueError, KeyError):
        # The library also insists on details that change no tensor, as its order of the header.
        return
    assert {n: t.nan_to_num(0.5).tolist() for n, t in tensors.items()} == {
        n: t.nan_to_num(0.5).tolist() for n, t in expected.items()
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no safetensors file"),
        (b"\x80\x04.", "no safetensors file"),
        ((2**63).to_bytes(8, "little") + b"{}", "no safetensors file"),
        (packed(b"{"), "damaged header"),
        (packed(b"\xff"), "damaged header"),
        (packed(b"[]"), "no JSON object"),
        (packed(b"[" * 100_000), "damaged header"),
        (packed(b'{"a":1,"a":1}'), "given twice"),
        (packed({"a": 1}), "damaged entry for a"),
        (packed({"a": {}}), "damaged entry for a"),
        (packed({"a": entry(dtype="OBJECT")}, bytes(4)), "damaged entry for a"),
        (packed({"a": entry(dtype=["F32"])}, bytes(4)), "damaged entry for a"),
        (packed({"a": entry(shape=(2,))}, bytes(4)), "does not fit"),
        (packed({"a": entry(shape=(-1,))}, bytes(4)), "whole numbers"),
        (packed({"a": entry(shape=(1.0,))}, bytes(4)), "whole numbers"),
        (packed({"a": entry(shape=(True,))}, bytes(4)), "whole numbers"),
        (packed({"a": entry(shape=(0, 10**30), offsets=(0, 0))}), "damaged entry for a"),
        (packed({"a": entry(offsets=(0, 4, 8))}, bytes(8)), "damaged entry for a"),
        (packed({"a": entry(offsets=(4, 8))}, bytes(4)), "does not fit"),
        (packed({"a": entry(offsets=(-4, 0))}, bytes(4)), "whole numbers"),
        (packed({"a": entry(offsets=(4, 8))}, bytes(8)), "gaps"),
        (packed({"a": entry(), "b": entry()}, bytes(4)), "overlap"),
        (packed({"a": entry()}, bytes(5)), "4 are accounted for"),
        (packed({"a": entry(shape=(10**18,) * 10**5)}, bytes(4)), "a shape has 100000 sides"),
        (
            packed(b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,' + b"9" * 5000 + b"]}}", bytes(4)),
            "damaged header",
        ),
    ],
)
def test_damage_is_named(scratch, content, message):
    with pytest.raises(ValueError, match=message):
        read(scratch, content)


def test_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_safetensors(tmp_path / "absent")
