"""Resources that a stranger's folder names are not used unless the command names them too."""

import json
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from failing import fails
from odd_folders import fill

from sasa_nas.cli.app import main
from sasa_nas.run import RunFolder, TrialRecord

Change = Callable[[str, object], Path]


@pytest.fixture
def hostile(
    make_run: Callable[..., Path], make_record: Callable[..., TrialRecord], tmp_path: Path
) -> Callable[..., Path]:
    """A run with one trained network, and settings or a data set of a stranger's choice in its run.json."""

    def make(dataset: str | None = None, **settings: Any) -> Path:
        record = make_record(0, accuracy=0.5, flops=1000)
        run = make_run([record.model_copy(update={"full_size": record.architecture})])
        file = run / "run.json"
        info = json.loads(file.read_text())
        info["settings"] |= settings
        if dataset is not None:
            info["space"]["proxy"]["dataset"] = dataset
        file.write_text(json.dumps(info))
        RunFolder(run).trial(0).weights.write_bytes(b"")
        return run

    return make


@pytest.fixture
def ear() -> Iterator[socket.socket]:
    """A port that somebody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        yield server


TRAINING = [("resume",), ("where", "--more", "4"), ("where", "--swaps")]


@pytest.mark.parametrize("command", TRAINING, ids=" ".join)
def test_no_cluster_is_joined_that_only_the_record_names(
    command: tuple[str, ...], hostile: Callable[..., Path], ear: socket.socket, capsys: pytest.CaptureFixture[str]
) -> None:
    address = f"127.0.0.1:{ear.getsockname()[1]}"
    run = hostile(address=address)
    line = fails(capsys, command[0], run, *command[1:])
    assert line.endswith(f"if you trust it, add --address {address}")
    with pytest.raises(TimeoutError):
        ear.accept()


@pytest.mark.parametrize("command", TRAINING, ids=" ".join)
def test_no_storage_is_written_that_only_the_record_names(
    command: tuple[str, ...], hostile: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "somewhere"
    run = hostile(storage=f"file://{target}")
    assert fails(capsys, command[0], run, *command[1:]).endswith(f"add --storage file://{target}")
    assert not target.exists()


@pytest.mark.parametrize("command", [*TRAINING, ("retrain",)], ids=" ".join)
def test_no_folder_is_read_that_only_the_record_names(
    command: tuple[str, ...], hostile: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = fill(tmp_path / "photos")
    run = hostile(dataset=f"imagefolder:{photos}", data_dir=str(tmp_path))
    line = fails(capsys, command[0], run, *command[1:])
    assert line.endswith(f"add --data-dir {tmp_path} --dataset imagefolder:{photos}")


@pytest.mark.parametrize("command", ["evaluate", "attention-map"])
def test_a_network_is_shown_no_images_that_only_the_record_names(
    command: str, hostile: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    monkeypatch.setattr("sasa_nas.workflows.attention.load_network", lambda *_: None)
    photos = fill(tmp_path / "photos")
    run = hostile(dataset=f"imagefolder:{photos}", data_dir="/data")
    line = fails(capsys, command, run / "trials" / "0000")
    assert line.endswith(f"add --data-dir /data --dataset imagefolder:{photos}")
    assert "there is no folder" in fails(capsys, command, run / "trials" / "0000", "--dataset", "imagefolder:/none")


def test_a_data_set_of_another_kind_takes_no_place(
    hostile: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = fill(tmp_path / "photos")
    line = fails(capsys, "resume", hostile(), "--dataset", f"imagefolder:{photos}")
    assert "is trained on dataset 'digits'; leave out --dataset" in line


@pytest.mark.night
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_run_on_a_folder_goes_on_where_the_folder_lies_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    fill(tmp_path / "photos", classes=[f"c{i}" for i in range(3)], count=12)
    search = ["search", "--space", "tiny", "--dataset", "imagefolder:photos", "--trials", "1", "--workers", "1"]
    assert main([*search, "--epochs", "1", "--out", "run"]) == 0
    out = capsys.readouterr().out
    assert f"resume run --trials 2 --dataset imagefolder:{tmp_path}/photos" in out
    (tmp_path / "photos").rename(tmp_path / "moved")
    assert "add --dataset imagefolder:" in fails(capsys, "resume", "run", "--trials", 2)
    # other images are no images of this run
    shutil.copytree(tmp_path / "moved", tmp_path / "fewer")
    shutil.rmtree(tmp_path / "fewer" / "c2")
    fill(tmp_path / "fewer", classes=["c2"], count=12, start=100)
    line = fails(capsys, "resume", "run", "--trials", 2, "--dataset", "imagefolder:fewer")
    assert "is not what run was begun with" in line
    assert main(["resume", "run", "--trials", "2", "--dataset", "imagefolder:moved"]) == 0
    info = json.loads((tmp_path / "run" / "run.json").read_text())
    assert info["space"]["proxy"]["dataset"] == f"imagefolder:{tmp_path}/moved"
    assert info["settings"]["trials"] == 2
