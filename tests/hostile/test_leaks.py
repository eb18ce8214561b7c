"""No byte of a run, a report or an export tells of the person, the machine or passwords."""

import gzip
import io
import json
import socket
import sqlite3
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sasa_nas.cli.app import main
from sasa_nas.data.folders import absolute_name, folder_of, name_of
from sasa_nas.operators.plugins import unload_operators
from sasa_nas.run import SearchSettings
from sasa_nas.sharing import from_home, home_relative, shareable, shareable_command, shareable_traceback

PLANTED = {
    "USER": "mallory-the-user",
    "LOGNAME": "mallory-the-user",
    "HOSTNAME": "hostname-of-mallory",
    "AWS_SECRET_ACCESS_KEY": "planted-secret-key",
    "GITHUB_TOKEN": "ghp_planted_token",
    "HTTPS_PROXY": "http://mallory:proxy-password@proxy.example:1",
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder, a user and an environment that would show."""
    for name, value in PLANTED.items():
        monkeypatch.setenv(name, value)
    home = tmp_path / "home-of-mallory"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return home


def texts(name: str, content: bytes) -> Iterator[tuple[str, bytes]]:
    """A file's bytes, those of what is packed in it, and a database's values."""
    yield name, content
    if content[:2] == b"\x1f\x8b":
        yield from texts(f"{name}, unpacked", gzip.decompress(content))
    elif content[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for member in archive.namelist():
                yield from texts(f"{name}: {member}", archive.read(member))


def leaks(folder: Path, *secrets: str) -> list[str]:
    """The files in which a secret stands, also as UTF-16 or in a database."""
    found = []
    for file in (file for file in folder.rglob("*") if file.is_file()):
        for name, content in texts(str(file), file.read_bytes()):
            found += [f"{name}: {s}" for s in secrets if s.encode() in content or s.encode("utf-16-le") in content]
        if file.suffix == ".db":
            with sqlite3.connect(file) as connection:
                dump = "\n".join(connection.iterdump())
            found += [f"{file}, as SQL: {secret}" for secret in secrets if secret in dump]
    return found


def secrets_of(home: Path) -> list[str]:
    """Whatever must not be found."""
    known = [home.name, *PLANTED.values(), "proxy-password", "storage-secret", sys.prefix, sys.base_prefix]
    return [secret for secret in (*known, socket.gethostname()) if len(secret) > 5]


FAILING = """
import os
from typing import Literal

import torch
from torch import nn

from sasa_nas.operators import Counts, Operator, register_operator


def layer(in_channels, out_channels, *, stride):
    if torch.empty(0).device.type != "meta":
        raise RuntimeError(f"cannot build it in {os.path.expanduser('~')}/own.py")
    return nn.Conv2d(in_channels, out_channels, 1, stride=stride)


@register_operator(
    short="failin", letter="Z", colour=("#806000", "#e0c060"), layer=layer, count=lambda layer, height, width: Counts()
)
class Failing(Operator):
    kind: Literal["failing"] = "failing"
"""
"""An operator that can be counted, but not trained: what leaves a traceback."""

SPACE = """
block: basic
stem: {kind: conv, width: 8}
stages:
  - {blocks: 1, width: 8, operator: {choice: [{kind: conv}, {kind: failing}]}}
  - {blocks: {choice: [1, 2]}, width: 8, stride: 2, operator: {kind: conv}}
proxy:
  dataset: digits
  recipe: {epochs: 1, batch_size: 64}
"""


@pytest.mark.night
@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_search_a_training_and_an_export_tell_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run_command(*words: object) -> None:
        line = [*map(str, words), "--operators", str(own)]
        monkeypatch.setattr(sys, "argv", ["sasa-nas", *line])
        assert main(line) == 0

    own, space, runs = home / "own.py", home / "space.yaml", home / "runs"
    own.write_text(FAILING)
    space.write_text(SPACE)
    (home / "data").mkdir()
    run, trial = runs / "one", runs / "one" / "trials" / "0000"
    limits = ("--trials", 3, "--workers", 1, "--balanced", 0)
    try:
        run_command("search", "--space", space, *limits, "--data-dir", home / "data", "--out", run)
        assert json.loads((run / "run.json").read_text())["settings"]["data_dir"] == "~/data"
        (error, *_) = run.glob("trials/*/error.txt")
        assert "cannot build it in ~/own.py" in error.read_text()
        run_command("report", run, "--figures", run / "figures")
        run_command("export", trial, "--format", "module,torch_export", "--out", runs / "export")
        network = trial / "architecture.json"
        run_command("train", network, "--dataset", "digits", "--epochs", 1, "--out", runs / "train")
        assert leaks(runs, *secrets_of(home)) == []
        # what a resume writes is the same whoever answers, and a formula does at once
        formula = ("--dataset", "synthetic:additive", "--data-dir", home / "data", "--out", runs / "two")
        run_command("search", "--space", space, *limits, *formula)
        run_command("resume", runs / "two", "--trials", 4, "--data-dir", home / "data")
        assert json.loads((runs / "two" / "run.json").read_text())["settings"]["data_dir"] == "~/data"
        assert leaks(runs, *secrets_of(home)) == []
    finally:
        unload_operators("own")


def test_settings_are_recorded_from_home_on_and_without_passwords(home: Path) -> None:
    settings = SearchSettings(data_dir=home / "data", storage="s3://key:storage-secret@bucket/runs")
    text = settings.model_dump_json()
    assert not [secret for secret in secrets_of(home) if secret in text]
    assert '"~/data"' in text
    assert '"s3://bucket/runs"' in text
    # this session still has the password, and a later one has the folder
    assert settings.storage == "s3://key:storage-secret@bucket/runs"
    assert SearchSettings.model_validate_json(text).data_dir == home / "data"


def test_names_of_data_sets_mean_the_same_folder(home: Path) -> None:
    (home / "pets").mkdir()
    name = name_of("imagefolder:", home / "pets")
    assert name == "imagefolder:~/pets"
    assert folder_of(name, None) == home / "pets"
    assert absolute_name(name) == f"imagefolder:{home}/pets"
    assert absolute_name("digits") == "digits"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{home}/a.py, line 3", "~/a.py, line 3"),
        ("in {home}", "in ~"),
        ("{home}-other/a and {home}.old", "{home}-other/a and {home}.old"),
        ("ftp://me:pass@host/x s3://key:@b", "ftp://host/x s3://b"),
        ("sftp://me@host/x 12:30@noon", "sftp://me@host/x 12:30@noon"),
    ],
)
def test_texts_lose_homes_and_passwords(home: Path, text: str, expected: str) -> None:
    assert shareable(text.format(home=home)) == expected.format(home=home)


def test_a_shell_still_reads_a_shortened_command(home: Path) -> None:
    line = f"sasa-nas search --data-dir '{home}/my data' --out {home}/runs --storage s3://k:s@b/c"
    assert shareable_command(line) == "sasa-nas search --data-dir ~/'my data' --out ~/runs --storage s3://b/c"


def test_a_traceback_names_the_package_and_not_its_place() -> None:
    package = Path(sys.modules["sasa_nas"].__file__ or "").parent
    text = f'File "{package}/training/loop.py", line 3\nFile "{sys.prefix}/lib/x.py", line 4'
    assert shareable_traceback(text) == 'File "sasa_nas/training/loop.py", line 3\nFile "<python>/lib/x.py", line 4'


def test_the_root_is_nobodys_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/")
    assert home_relative(Path("/data/x")) == "/data/x"
    assert from_home(Path("~nobody-at-all/x")) == Path("~nobody-at-all/x")
