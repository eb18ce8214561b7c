"""Tables, annotations, weights and checkpoints that somebody made up."""

import gzip
import io
import json
import math
import pickle
import resource
import struct
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from coco_shapes import write_shapes
from hostile_text import EVERYTHING, NASTY
from planted_table import planted_table
from torch import nn

from sasa_nas.data.splits import DatasetInfo, ImageSet
from sasa_nas.detection.data.coco import load_coco
from sasa_nas.errors import UserError
from sasa_nas.exporting.weights import built, load_weights, save_weights
from sasa_nas.models import build
from sasa_nas.space.proxy import Recipe
from sasa_nas.table import load_table
from sasa_nas.table import records as table_records
from sasa_nas.table.journal import Journal, TableTask
from sasa_nas.training.checkpoint import BadCheckpoint, load_checkpoint, save_checkpoint
from sasa_nas.training.proxy import EpochMetrics, Trainer
from sasa_nas.training.seeding import seeded

Ends = Callable[..., int]
HUGE = "9" * 4200


def resident() -> float:
    """Megabytes that this process has taken at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@pytest.fixture(scope="module")
def table() -> dict[str, Any]:
    return planted_table(seeds=1).model_dump(mode="json")


def bomb(level: int = 9) -> bytes:
    """Ten gigabytes of zeros in ten megabytes: a gzip member of 64 megabytes, again and again."""
    return gzip.compress(b"\0" * 2**26, level) * 160


def test_a_table_that_unpacks_to_ten_gigabytes(tmp_path: Path, ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "t.json.gz"
    file.write_bytes(bomb())
    before = resident()
    assert ends("search", "--replay", file, "--out", tmp_path / "run") == 2
    assert resident() - before < 1200
    monkeypatch.setattr(table_records, "LARGEST_TABLE", 1000)
    with pytest.raises(UserError, match="more than 1,000 bytes"):
        load_table(file)


TABLES: dict[str, Callable[[dict[str, Any]], object]] = {
    "negative FLOPs": lambda data: data["rows"][0].update(flops=-1),
    "FLOPs of many digits": lambda data: data["rows"][0].update(flops=int(HUGE)),
    "parameters beyond 64 bits": lambda data: data["rows"][0].update(params=2**63),
    "an accuracy that is none": lambda data: data["rows"][0].update(accuracy=[[math.nan] * 3]),
    "an accuracy above 1": lambda data: data["rows"][0].update(accuracy=[[0.1, 0.2, 1.5]]),
    "too few epochs": lambda data: data["rows"][0].update(accuracy=[[0.1]]),
    "no latency": lambda data: data["rows"][0].update(latency=0.0),
    "no rows": lambda data: data.update(rows=[]),
    "epochs by the billion": lambda data: data["info"].update(epochs=10**18),
    "another space": lambda data: data["info"].update(space={"name": EVERYTHING}),
    "no architecture": lambda data: data["rows"][0].update(architecture={}),
    "a choice of text": lambda data: data["rows"][0].update(choices={EVERYTHING: EVERYTHING}),
    "long text": lambda data: data["info"].update(dataset=NASTY["long"], device=NASTY["long"]),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_strange_table_is_right_or_one_line(tmp_path: Path, ends: Ends, table: dict[str, Any], name: str) -> None:
    data = json.loads(json.dumps(table))
    TABLES[name](data)
    file = tmp_path / "t.json.gz"
    file.write_bytes(gzip.compress(json.dumps(data).encode()))
    status = ends("search", "--replay", file, "--trials", 2, "--out", tmp_path / "run")
    assert status == 2 or name in ("a choice of text", "long text")


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[" * 10**6, b'{"info": ' * 10**5, f'{{"format": {"9" * 10**6}}}'.encode(), b"\xff\xfe", b"null"],
    ids=range(7),
)
def test_no_table_is_one_line(tmp_path: Path, ends: Ends, content: bytes) -> None:
    file = tmp_path / "t.json.gz"
    for packed in (content, gzip.compress(content), gzip.compress(content)[:-9]):
        file.write_bytes(packed)
        assert ends("search", "--replay", file, "--out", tmp_path / "run") == 2


def test_a_journal_of_anything_is_no_journal(tmp_path: Path, table: dict[str, Any]) -> None:
    task = TableTask(space=table["info"]["space"], seeds=(0,), device="cpu")
    head = task.model_dump_json()
    file = tmp_path / "t.partial.jsonl"
    lines = ["[" * 10**5, '{"architecture_id": 1}', '{"seed": ' + "9" * 10**5 + "}", "\0", "null", '"' + "x" * 10**6]
    file.write_text("\n".join([head, *lines]))
    assert Journal(file, task).curves == {}
    assert file.read_text() == head + "\n"
    for first in ("[" * 10**5, "{}", '{"space": {}, "seeds": [0], "device": "cpu"}'):
        file.write_text(first)
        with pytest.raises(UserError, match="another table"):
            Journal(file, task)


def annotations(folder: Path, change: Callable[[dict[str, Any]], object]) -> str:
    """A data set whose train part says something else."""
    write_shapes(folder, train=2, validation=1)
    file = folder / "annotations" / "instances_train2017.json"
    data = json.loads(file.read_text())
    change(data)
    file.write_text(json.dumps(data))
    return f"coco:{folder}"


COCO: dict[str, Callable[[dict[str, Any]], object]] = {
    "a name upwards": lambda data: data["images"][0].update(file_name="../../victim/secret"),
    "a name inside and upwards": lambda data: data["images"][0].update(file_name="a/../../x.png"),
    "an absolute name": lambda data: data["images"][0].update(file_name="/etc/passwd"),
    "a name of NUL": lambda data: data["images"][0].update(file_name="a\0b"),
    "a long name": lambda data: data["images"][0].update(file_name=NASTY["long"]),
    "a name of markup": lambda data: data["images"][0].update(file_name=EVERYTHING),
    "a name that is none": lambda data: data["images"][0].update(file_name=7),
    "a million pixels": lambda data: data["images"][0].update(height=10**6, width=10**6),
    "sides of many digits": lambda data: data["images"][0].update(height=int(HUGE)),
    "a box of many digits": lambda data: data["annotations"][0].update(bbox=[0, 0, int(HUGE), 5]),
    "a box that is none": lambda data: data["annotations"][0].update(bbox=[math.nan, 0, 5, 5]),
    "a box without end": lambda data: data["annotations"][0].update(bbox=[0, 0, math.inf, 5]),
    "a box of text": lambda data: data["annotations"][0].update(bbox="abcd"),
    "an image twice": lambda data: data["images"].append(data["images"][0]),
    "a category twice": lambda data: data["categories"].append(data["categories"][0]),
    "a number of many digits": lambda data: data["categories"][0].update(id=int(HUGE)),
    "no images": lambda data: data.update(images={}),
    "entries that are none": lambda data: data.update(annotations=[None, 7, "x"]),
    "a list of lists": lambda data: data.update(images=json.loads("[" * 400 + "]" * 400)),
}


@pytest.mark.parametrize("name", COCO)
def test_strange_annotations_are_one_line(tmp_path: Path, outside: Path, ends: Ends, name: str) -> None:
    dataset = annotations(tmp_path / "coco", COCO[name])
    assert ends("train-detector", "retinanet_sasa_resnet50", "--dataset", dataset, "--out", tmp_path / "train") == 2
    assert not (tmp_path / "train").exists()


def test_a_box_of_a_million_pixels_is_cut_off(tmp_path: Path) -> None:
    name = annotations(tmp_path / "coco", lambda data: data["annotations"][0].update(bbox=[-1e6, -1e6, 3e6, 3e6]))
    image = load_coco(name).train.images[0]
    assert image.boxes[0].tolist() == [0, 0, image.width, image.height]


@pytest.mark.parametrize("content", [b"", b"[" * 10**6, b'{"a":' * 10**5, b"\xff", b'{"images": NaN}'], ids=range(5))
def test_annotations_that_are_none_are_one_line(tmp_path: Path, content: bytes) -> None:
    write_shapes(tmp_path / "coco", train=1, validation=1)
    (tmp_path / "coco" / "annotations" / "instances_train2017.json").write_bytes(content)
    with pytest.raises(UserError):
        load_coco(f"coco:{tmp_path / 'coco'}")


def safetensors(header: object, data: bytes = b"", length: int | None = None) -> bytes:
    """A file with any header."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(**changes: object) -> dict[str, object]:
    return {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]} | changes


WEIGHTS: dict[str, bytes] = {
    "nothing": b"",
    "a header of 2^60 bytes": safetensors({}, length=2**60),
    "a header of 2^64 - 1 bytes": safetensors({}, length=2**64 - 1),
    "a header that is no JSON": safetensors(b"\xff" * 9),
    "a deep header": safetensors(b"[" * 10**6),
    "a list": safetensors([1]),
    "beyond the file": safetensors({"a": entry(data_offsets=[0, 2**50], shape=[2**48])}, bytes(8)),
    "negative": safetensors({"a": entry(data_offsets=[-8, 0])}, bytes(8)),
    "backwards": safetensors({"a": entry(data_offsets=[8, 0])}, bytes(8)),
    "overlapping": safetensors({"a": entry(), "b": entry()}, bytes(8)),
    "a gap": safetensors({"a": entry(data_offsets=[8, 16])}, bytes(16)),
    "another size": safetensors({"a": entry(shape=[3])}, bytes(8)),
    "a size that overflows": safetensors({"a": entry(shape=[2**62, 4])}, bytes(8)),
    "an unknown type": safetensors({"a": entry(dtype="P64")}, bytes(8)),
    "a pickle": pickle.dumps({"a": 1}),
}


@pytest.mark.parametrize("name", WEIGHTS)
def test_weights_whose_header_lies_are_one_line(run: Path, ends: Ends, name: str) -> None:
    file = run / "trials" / "0000" / "weights.safetensors"
    file.write_bytes(WEIGHTS[name])
    for command in ("evaluate", "export"):
        assert ends(command, run / "trials" / "0000") == 2


def test_weights_of_another_network_or_of_no_numbers_are_one_line(run: Path, ends: Ends, make_record) -> None:
    file = run / "trials" / "0000" / "weights.safetensors"
    network = make_record(0, pattern="LC").architecture
    whole = build(network).state_dict()
    name, weight = next((name, weight) for name, weight in whole.items() if weight.is_floating_point())
    for changes in (
        {"more": torch.zeros(1)},
        {name: torch.zeros(3)},
        {name: torch.zeros(weight.shape, dtype=torch.int64)},
        {name: torch.full_like(weight, math.nan)},
        {name: torch.full_like(weight, math.inf)},
    ):
        save_weights(file, whole | changes)
        assert ends("evaluate", run / "trials" / "0000") == 2
        with pytest.raises(UserError):
            built(network, load_weights(file))
    save_weights(file, {key: value for key, value in whole.items() if key != name})
    assert ends("evaluate", run / "trials" / "0000") == 2


class Evil:
    """Executes something where it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return (open, (str(self.marker), "w"))


INFO = DatasetInfo("toy", channels=1, height=4, width=4, num_classes=2, flip=False, shift=0)


def make_trainer(width: int = 4) -> Trainer:
    """A small trainer, before its first epoch."""
    images = ImageSet(torch.arange(128.0).view(8, 1, 4, 4) / 128, torch.tensor([0, 1] * 4))
    with seeded(0):
        network = nn.Sequential(nn.Flatten(), nn.Linear(16, width), nn.Linear(width, 2))
    return Trainer(network, images, images, INFO, Recipe(epochs=3, batch_size=4), seed=0, device=torch.device("cpu"))


def saved(path: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """A checkpoint after one epoch that says something else."""
    trainer = make_trainer()
    history = [trainer.run_epoch()]
    save_checkpoint(path, trainer, history)
    state = torch.load(path, weights_only=True)
    change(state)
    torch.save(state, path)
    return path


def averages(state: dict[str, Any]) -> dict[str, Any]:
    return state["trainer"]["optimizer"]["state"][0]


CHECKPOINTS: dict[str, Callable[[dict[str, Any]], object]] = {
    "another network's averages": lambda state: averages(state).update(exp_avg=torch.zeros(3)),
    "no averages": lambda state: averages(state).pop("exp_avg"),
    "averages that are none": lambda state: averages(state).update(exp_avg="x"),
    "a tensor without end": lambda state: state["trainer"]["model"].update({"1.bias": torch.zeros(1).expand(2**40)}),
    "averages without end": lambda state: averages(state).update(exp_avg=torch.zeros(1).double().expand(2**33)),
    "another network's weights": lambda state: state["trainer"]["model"].update({"1.bias": torch.zeros(9)}),
    "no weights": lambda state: state["trainer"].update(model=[1]),
    "an epoch of text": lambda state: state["trainer"].update(epoch="1"),
    "an epoch before the first": lambda state: state["trainer"].update(epoch=-1),
    "an epoch of many digits": lambda state: state["trainer"].update(epoch=10**4000),
    "metrics of text": lambda state: state["metrics"][0].update(accuracy=EVERYTHING),
    "other metrics": lambda state: state["metrics"][0].update(evil=1),
    "no metrics": lambda state: state.update(metrics=7),
    "no state": lambda state: state.clear(),
}


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_a_strange_checkpoint_is_not_used(tmp_path: Path, name: str) -> None:
    path = saved(tmp_path / "checkpoint.pt", CHECKPOINTS[name])
    with pytest.raises(BadCheckpoint):
        load_checkpoint(path, make_trainer(), EpochMetrics)


def test_a_checkpoint_changes_no_options_of_the_optimiser(tmp_path: Path) -> None:
    options = {"lr": 1e9, "betas": "x", "foreach": True, "fused": False, "weight_decay": -1.0, "evil": 1}
    path = saved(
        tmp_path / "checkpoint.pt", lambda state: state["trainer"]["optimizer"]["param_groups"][0].update(options)
    )
    trainer, whole = make_trainer(), make_trainer()
    load_checkpoint(path, trainer, EpochMetrics)
    epochs = list(whole.epochs())
    assert [epoch.train_loss for epoch in trainer.epochs()] == [epoch.train_loss for epoch in epochs[1:]]


def test_a_checkpoint_executes_nothing_and_unpacks_to_no_more_than_it_has(tmp_path: Path) -> None:
    path, marker = tmp_path / "checkpoint.pt", tmp_path / "executed"
    contents = [pickle.dumps(Evil(marker)), b"", b"PK\x03\x04", pickle.dumps({"trainer": {}})]
    for write in (
        lambda file: torch.save(Evil(marker), file),
        lambda file: torch.save({"trainer": Evil(marker)}, file),
    ):
        buffer = io.BytesIO()
        write(buffer)
        contents.append(buffer.getvalue())
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\0" * 2**28)
        archive.writestr("archive/version", "3")
    contents.append(buffer.getvalue())
    for content in contents:
        path.write_bytes(content)
        start = time.process_time()
        with pytest.raises(BadCheckpoint):
            load_checkpoint(path, make_trainer(), EpochMetrics)
        assert time.process_time() - start < 2
    assert not marker.exists()


def test_a_checkpoint_larger_than_its_trainer_or_elsewhere_is_not_read(tmp_path: Path) -> None:
    path, link = tmp_path / "checkpoint.pt", tmp_path / "link.pt"
    with path.open("wb") as file:
        file.truncate(2**40)
    link.symlink_to("/dev/zero")
    for place in (path, link):
        with pytest.raises(BadCheckpoint):
            load_checkpoint(place, make_trainer(), EpochMetrics)
