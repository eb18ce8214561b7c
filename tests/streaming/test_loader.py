"""Batches of streamed images: the same whatever reads them, and whenever a training was interrupted."""

import multiprocessing
import os
import resource
import signal
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import psutil
import pytest
import torch
from assertions import every
from odd_folders import fill
from PIL import Image

from sasa_nas.errors import UserError
from sasa_nas.recipes import Augmentation, ImageSizes, RandAugment, RandomResizedCrop, ShiftCrop
from sasa_nas.streaming import loader
from sasa_nas.streaming.corrupt import CorruptLimit
from sasa_nas.streaming.loader import Batch, TrainLoader
from sasa_nas.streaming.order import epoch_order
from sasa_nas.streaming.sources import FileSource, ImageSource, MemorySource

PLAIN = Augmentation(crop=ShiftCrop(padding=0), flip=0.0)
LIVELY = Augmentation(
    crop=RandomResizedCrop(interpolation="random"),
    color_jitter=0.4,
    rand_augment=RandAugment(magnitude=6.0, magnitude_std=0.5, increasing=True),
    repeats=2,
)


def numbered(count: int, side: int = 4) -> MemorySource:
    """Images whose pixels are their number."""
    numbers = torch.arange(count)
    images = numbers.to(torch.uint8).view(-1, 1, 1, 1).expand(-1, 3, side, side)
    return MemorySource(images.contiguous(), numbers % 7)


def noisy(count: int) -> MemorySource:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, 3, 9, 12), dtype=torch.uint8, generator=generator)
    return MemorySource(images, torch.arange(count))


def make(source: ImageSource, augmentation: Augmentation = PLAIN, **options: object) -> TrainLoader:
    given = {"side": lambda epoch: 4, "flip_allowed": True, "batch_size": 12, "seed": 3} | options
    return TrainLoader(source, augmentation, **given)


def numbers(batches: Iterator[Batch]) -> list[int]:
    return [int(number) for batch in batches for number in batch.images[:, 0, 0, 0]]


def same(ours: list[Batch], theirs: list[Batch]) -> bool:
    return len(ours) == len(theirs) and all(
        torch.equal(a.images, b.images) and torch.equal(a.labels, b.labels) for a, b in zip(ours, theirs, strict=True)
    )


def test_an_epoch_has_its_images_once_with_their_labels() -> None:
    found = make(numbered(40), micro_batch=4)
    assert (len(found), found.parts) == (3, 3)
    batches = list(found.epoch(0))
    assert len(batches) == 9
    assert sorted(numbers(iter(batches))) == sorted(epoch_order(3, 0, 40)[:36].tolist())
    for batch in batches:
        assert batch.images.shape == (4, 3, 4, 4)
        assert batch.images.dtype == torch.uint8
        assert batch.images.is_contiguous(memory_format=torch.channels_last)
        assert torch.equal(batch.labels, batch.images[:, 0, 0, 0].long() % 7)
        assert batch.unreadable == 0


def test_ranks_compute_the_parts_of_one() -> None:
    alone = list(make(noisy(40), LIVELY, micro_batch=3).epoch(2))
    both = [list(make(noisy(40), LIVELY, micro_batch=3, rank=rank, ranks=2).epoch(2)) for rank in range(2)]
    # four parts an update: two of the first rank, then two of the second
    assert same(alone, [part for i in range(3) for rank in range(2) for part in both[rank][2 * i : 2 * i + 2]])


@pytest.mark.parametrize("start", [0, 1, 2])
def test_a_resumed_epoch_has_the_rest_of_the_images(start: int) -> None:
    whole = list(make(noisy(40), LIVELY, micro_batch=4).epoch(1))
    resumed = make(noisy(40), LIVELY, micro_batch=4)
    interrupted = resumed.epoch(1)
    before = [next(interrupted) for _ in range(3 * start)]
    rest = list(resumed.epoch(1, start))
    assert same(whole, before + rest)


def test_chunks_of_any_size_make_the_same_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = list(make(noisy(40), LIVELY).epoch(0))
    monkeypatch.setattr(loader, "_MOST_IN_CHUNK", 5)
    assert same(whole, list(make(noisy(40), LIVELY).epoch(0)))


def test_sides_grow_and_repeats_differ() -> None:
    source = noisy(12)
    growing = make(source, LIVELY, side=lambda epoch: 4 + 2 * epoch)
    batches = [next(growing.epoch(epoch)) for epoch in range(3)]
    assert [batch.images.shape[-1] for batch in batches] == [4, 6, 8]
    assert sorted(Counter(batches[0].labels.tolist()).values()) == [2] * 6
    pairs = [batches[0].images[batches[0].labels == label] for label in set(batches[0].labels.tolist())]
    assert sum(torch.equal(*pair) for pair in pairs) < 2


def test_the_processs_random_numbers_are_left_alone() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    list(make(noisy(24), LIVELY).epoch(0))
    list(loader.TestLoader(noisy(5), ImageSizes(), batch_size=2))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("ranks", [1, 3])
def test_every_test_image_is_seen_once(ranks: int) -> None:
    found = []
    for rank in range(ranks):
        batches = list(loader.TestLoader(numbered(11), ImageSizes(), batch_size=3, rank=rank, ranks=ranks))
        assert max(len(batch.labels) for batch in batches) == 3
        found += numbers(iter(batches))
    assert found == list(range(11))


@pytest.fixture
def damaged(tmp_path: Path) -> FileSource:
    """Forty images with their number in the first pixel, of which 5, 6 and 20 cannot be read."""
    fill(tmp_path, classes=("only",), count=40, size=(4, 4))
    files = sorted((tmp_path / "only").iterdir())
    for number in (5, 6, 20):
        files[number].write_bytes(files[number].read_bytes()[:40])
    return FileSource([(str(file), number) for number, file in enumerate(files)], side=4)


def test_images_that_cannot_be_read_are_replaced_by_the_next(damaged: FileSource) -> None:
    train = make(damaged, batch_size=40, micro_batch=10)
    for epoch in range(2):
        batches = list(train.epoch(epoch))
        # 6 is tried in place of 5 too
        assert sum(batch.unreadable for batch in batches) == 4
        found = Counter(numbers(iter(batches)))
        assert found == Counter({**dict.fromkeys(set(range(40)) - {5, 6, 20}, 1), 7: 3, 21: 2})
        assert every(torch.equal(batch.labels, batch.images[:, 0, 0, 0].long()) for batch in batches)
    assert train.corrupt.count == 3
    assert every("cannot read the image" in message for message in train.corrupt.first)


def test_images_that_cannot_be_read_are_left_out_of_a_test(damaged: FileSource) -> None:
    test = loader.TestLoader(damaged, ImageSizes(), batch_size=1)
    batches = list(test)
    assert numbers(iter(batches)) == sorted(set(range(40)) - {5, 6, 20})
    assert test.corrupt.count == 3


def test_too_many_of_them_end_the_training(damaged: FileSource) -> None:
    train = make(damaged, batch_size=40, limit=CorruptLimit(share=0.05, least=0))
    with pytest.raises(UserError, match=r"cannot read the image .*\(2 more of 40 images cannot be read") as caught:
        list(train.epoch(0))
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_gone_ends_the_training(tmp_path: Path) -> None:
    gone = FileSource([(str(tmp_path / f"{number}.png"), 0) for number in range(1000)], side=4)
    with pytest.raises(UserError, match="and so it is with the 19 images before it"):
        list(make(gone, limit=CorruptLimit(least=1000)).epoch(0))


def workers() -> list[psutil.Process]:
    return [psutil.Process(child.pid) for child in multiprocessing.active_children()]


def wait_for_no(processes: Iterable[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(list(processes), timeout=20)
    assert not alive


@pytest.mark.slow
def test_workers_change_nothing_and_none_is_left() -> None:
    whole = [list(make(noisy(40), LIVELY, micro_batch=4).epoch(epoch)) for epoch in range(2)]
    before = set(workers())
    with make(noisy(40), LIVELY, micro_batch=4, workers=2) as train:
        interrupted = train.epoch(0)
        assert same(whole[0][:2], [next(interrupted), next(interrupted)])
        mine = set(workers()) - before
        assert len(mine) == 2
        assert same(whole[0], list(train.epoch(0)))
        assert same(whole[1], list(train.epoch(1)))
        assert set(workers()) - before == mine
        # Ctrl-C in a terminal reaches them, too
        for worker in mine:
            worker.send_signal(signal.SIGINT)
        assert same(whole[1][6:], list(train.epoch(1, start=2)))
        # a pass that is not over
        again = train.epoch(0)
        next(again)
    wait_for_no(mine)
    test = loader.TestLoader(noisy(5), ImageSizes(), batch_size=2, workers=1)
    assert same(list(test), list(loader.TestLoader(noisy(5), ImageSizes(), batch_size=2)))
    wait_for_no(set(workers()) - before)
    running = make(noisy(400), LIVELY, workers=1).epoch(0)
    next(running)
    (worker,) = set(workers()) - before
    worker.kill()
    with pytest.raises(UserError, match="a process that reads images has ended"):
        list(running)


def hold(connection: Connection) -> None:
    """Tell the workers of a training, and wait for Ctrl-C in the middle of it."""
    train = make(noisy(400), LIVELY, workers=2)
    batches = train.epoch(0)
    next(batches)
    connection.send([child.pid for child in multiprocessing.active_children()])
    time.sleep(60)


@pytest.mark.slow
@pytest.mark.parametrize("how", [pytest.param(signal.SIGINT, marks=pytest.mark.night), signal.SIGKILL])
def test_no_worker_outlives_its_process(how: signal.Signals) -> None:
    context = multiprocessing.get_context("forkserver")
    ours, theirs = context.Pipe()
    process = context.Process(target=hold, args=(theirs,))
    process.start()
    assert ours.poll(100)
    left = [psutil.Process(pid) for pid in ours.recv()]
    assert len(left) == 2
    assert process.pid is not None
    os.kill(process.pid, how)
    process.join(20)
    assert process.exitcode == (1 if how is signal.SIGINT else -signal.SIGKILL)
    wait_for_no(left)


def train_within(connection: Connection, folder: Path, allowed: int) -> None:
    """Read an epoch with so much memory more than now; send the number of images."""
    files = sorted(folder.iterdir())
    augmentation = Augmentation()
    few = FileSource([(str(file), 0) for file in files[:4]], side=32)
    train = make(few, augmentation, side=lambda epoch: 32, batch_size=4)
    list(train.epoch(0))
    train = make(FileSource([(str(file), 0) for file in files], side=32), augmentation, side=lambda epoch: 32)
    now = int(Path("/proc/self/status").read_text().partition("VmData:")[2].split()[0]) * 1024
    resource.setrlimit(resource.RLIMIT_DATA, (now + allowed, now + allowed))
    # what was freed before may be used again
    with pytest.raises(MemoryError):
        bytearray(2 * allowed)
    connection.send(sum(len(batch.labels) for batch in train.epoch(0)))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads the size of a process in /proc")
def test_a_folder_of_thrice_the_memory_is_read(tmp_path: Path) -> None:
    for number in range(36):
        Image.new("RGB", (1000, 700), (number, 0, 0)).save(tmp_path / f"{number:02}.bmp")
    allowed = sum(file.stat().st_size for file in tmp_path.iterdir()) // 3
    context = multiprocessing.get_context("forkserver")
    ours, theirs = context.Pipe()
    process = context.Process(target=train_within, args=(theirs, tmp_path, allowed))
    process.start()
    process.join(100)
    assert process.exitcode == 0
    assert ours.poll(0)
    assert ours.recv() == 36
