import gzip
import struct

import numpy as np
import pytest

from sasa_nas.data.idx import find_idx, read_idx
from sasa_nas.errors import UserError


def idx_bytes(array):
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.fixture
def array():
    return np.arange(24, dtype=np.uint8).reshape(2, 3, 4)


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_plain_and_compressed_files_are_read(tmp_path, array, suffix):
    path = tmp_path / f"a-idx3-ubyte{suffix}"
    path.write_bytes(gzip.compress(idx_bytes(array)) if suffix else idx_bytes(array))
    assert find_idx("a-idx3-ubyte", (tmp_path / "absent", tmp_path)) == path
    read = read_idx(path, ndim=3)
    assert np.array_equal(read, array)
    read[0] = 0


def test_missing_file_is_none(tmp_path):
    assert find_idx("a", (tmp_path,)) is None


def test_damage_is_one_line_that_names_the_file(tmp_path, array):
    whole = idx_bytes(array)
    packed = gzip.compress(whole)
    damaged = {
        "short": (whole[:-1], "damaged: 23 bytes instead of 24"),
        "long": (whole + b"x", "damaged: 25 bytes"),
        "axes": (idx_bytes(array.ravel()), "not an idx file of bytes with 3 axes"),
        "empty": (b"", "not an idx file"),
        "cut.gz": (packed[:-9], "cannot read"),
        "flipped.gz": (packed[:12] + bytes([packed[12] ^ 255]) + packed[13:], "cannot read"),
        "text.gz": (b"not gzip at all", "cannot read"),
    }
    for name, (content, message) in damaged.items():
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(UserError, match=message) as caught:
            read_idx(path, ndim=3)
        assert name in str(caught.value)
        assert "\n" not in str(caught.value)
