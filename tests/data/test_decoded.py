"""Decoded images in the cache: whole or not at all, one copy for all, and new whenever a file is."""

import os
import threading
from pathlib import Path

import pytest
import torch
from odd_folders import fill
from torch import Tensor

from sasa_nas.data import decoded
from sasa_nas.data.decoded import Decoded, decode, decoded_file, open_decoded
from sasa_nas.data.imagefolder import load_imagefolder
from sasa_nas.errors import UserError
from sasa_nas.space import Recipe
from sasa_nas.training.proxy import Trainer


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    fill(tmp_path / "photos", count=6)
    return [str(file) for file in sorted((tmp_path / "photos").rglob("*.png"))]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(decoded, "decoded_images_folder", lambda: tmp_path / "cache" / "images")
    return tmp_path / "cache" / "images" / "photos-4-00.decoded"


def note(images: Tensor) -> dict[str, int]:
    return {"sum": int(images.long().sum())}


def check(found: Decoded | None) -> None:
    assert found is not None
    assert found.images.shape == (12, 3, 4, 4)
    assert found.images[:, :, 2, 1].tolist() == [[i % 6, i // 6, 7] for i in range(12)]
    assert found.facts["sum"] == int(found.images.long().sum())


def test_what_was_decoded_is_mapped(files: list[str], place: Path) -> None:
    told: list[tuple[int, int]] = []
    assert open_decoded(place, 4) is None
    check(decode(place, files, 4, note, lambda done, images: told.append((done, images))))
    assert told[-1] == (12, 12)
    check(open_decoded(place, 4))
    assert list(place.parent.iterdir()) == [place]
    assert open_decoded(place, 5) is None


def test_progress_comes_batch_by_batch(files: list[str], place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoded, "_CHUNK_IMAGES", 5)
    told: list[int] = []
    check(decode(place, files, 4, note, lambda done, _: told.append(done)))
    assert sorted(told) == told
    assert len(told) == 3


@pytest.mark.parametrize("end", [0, 7, 300, -9, -1])
def test_a_file_that_is_not_whole_is_made_anew(files: list[str], place: Path, end: int) -> None:
    decode(place, files, 4, note)
    content = place.read_bytes()
    place.write_bytes(content[:end])
    assert open_decoded(place, 4) is None
    check(decode(place, files, 4, note))
    assert place.read_bytes() == content


def test_a_file_may_be_deleted_while_it_is_in_use(files: list[str], place: Path) -> None:
    first = decode(place, files, 4, note)
    second = open_decoded(place, 4)
    place.unlink()
    check(first)
    check(second)


def test_a_folder_that_is_emptied_while_images_are_decoded_is_no_loss(files: list[str], place: Path) -> None:
    def empty(images: Tensor) -> dict[str, int]:
        for file in place.parent.iterdir():
            file.unlink()
        return note(images)

    check(decode(place, files, 4, empty))
    assert list(place.parent.iterdir()) == []


def test_of_two_at_once_one_decodes(files: list[str], place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    begun = threading.Event()
    whole = decoded._decode

    def slow(*arguments):  # whoever has the lock lets the other one wait for it
        made.append(1)
        begun.wait(0.2)
        return whole(*arguments)

    monkeypatch.setattr(decoded, "_decode", slow)
    found: list[Decoded] = []
    threads = [threading.Thread(target=lambda: found.append(decode(place, files, 4, note))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    for one in found:
        check(one)


def test_what_a_killed_search_left_is_removed(files: list[str], place: Path) -> None:
    place.parent.mkdir(parents=True)
    (place.parent / f".{place.name}.abc").write_bytes(b"half")
    (place.parent / ".another-4-11.decoded.abc").write_bytes(b"under way")
    decode(place, files, 4, note)
    assert {file.name for file in place.parent.iterdir()} == {place.name, ".another-4-11.decoded.abc"}


def test_errors_leave_nothing_and_are_counted(files: list[str], place: Path) -> None:
    for broken in (files[3], files[7], files[11]):
        Path(broken).write_bytes(b"")
    with pytest.raises(UserError, match=r"cat/003\.png.*\(2 more cannot be read\)"):
        decode(place, files, 4, note)
    assert list(place.parent.iterdir()) == []


def test_a_cache_that_cannot_be_written_is_named(files: list[str], place: Path) -> None:
    place.parent.parent.write_bytes(b"a file")
    with pytest.raises(UserError, match=r"cannot keep decoded images in .*XDG_CACHE_HOME"):
        decode(place, files, 4, note)


def test_a_disk_that_is_too_small_is_named(files: list[str], place: Path) -> None:
    with pytest.raises(UserError, match=r"12 images of 10000000x10000000 take .* GiB, and .*/cache/images' has"):
        decode(place, files, 10_000_000, note)


def test_the_name_changes_with_names_sizes_times_and_the_division(files: list[str], place: Path) -> None:
    folder = Path(files[0]).parent.parent
    first = decoded_file(folder, files, 4, "train")
    assert first.name.startswith("photos-4-")
    assert first == decoded_file(folder, files, 4, "train")
    others = [decoded_file(folder, files, 5, "train"), decoded_file(folder, files, 4, "test")]
    others.append(decoded_file(folder, files[1:], 4, "train"))
    others.append(decoded_file(folder, files[::-1], 4, "train"))
    os.utime(files[0], ns=(0, 0))
    others.append(decoded_file(folder, files, 4, "train"))
    Path(files[0]).write_bytes(b"other")
    os.utime(files[0], ns=(0, 0))
    others.append(decoded_file(folder, files, 4, "train"))
    assert len({first, *others}) == 7


def test_training_maps_the_file_and_copies_none_of_it(tmp_path: Path) -> None:
    splits = load_imagefolder(fill(tmp_path / "photos", count=10))
    recipe = Recipe(epochs=1, batch_size=4)
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 8 * 8, 2))
    device = torch.device("cpu")
    trainer = Trainer(network, splits.train, splits.validation, splits.info, recipe, seed=0, device=device)
    trainer.run_epoch()
    assert trainer.batches.data.images.data_ptr() == splits.train.images.data_ptr()
    assert trainer.validation.images.data_ptr() == splits.validation.images.data_ptr()
    # a mapping that all processes share and none can write to
    maps = [line.split() for line in Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()]
    [kind] = {words[1] for words in maps if words[-1].endswith(".decoded") and "/photos-8-" in words[-1]}
    assert kind == "r--s"
