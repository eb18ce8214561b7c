"""Numbers of processes as they are typed."""

import socket
from pathlib import Path

import pytest

from sasa_nas.cli.app import main
from sasa_nas.cli.recipes import parse_gpus, words_for_at_once, words_for_processes
from sasa_nas.errors import UserError


def test_a_number_or_two() -> None:
    assert parse_gpus("4") == 4
    assert parse_gpus("2:8") == (2, 8)
    assert words_for_processes("1", None) == ()
    assert words_for_processes("2:8", "a:1") == ("--gpus", "2:8", "--address", "a:1")
    assert words_for_processes("auto", None, default="auto") == ()
    assert words_for_processes("1", None, default="auto") == ("--gpus", "1")
    assert (words_for_at_once(None), words_for_at_once(4)) == ((), ("--at-once", "4"))


@pytest.mark.parametrize("text", ["0", "-1", "", "two", "8:2", "1:2:3", "0:4", "2:", "2000"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(UserError, match=f"--gpus {text}: give a number from 1 to 1,024, or LEAST:MOST"):
        parse_gpus(text)


def test_a_cluster_that_does_not_answer_leaves_nothing_behind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
    command = ["train", "resnet18", "--dataset", "digits", "--device", "cpu", "--out", str(tmp_path / "t")]
    assert main([*command, "--address", address]) == 2
    assert "a cluster trains by a full recipe alone; give --recipe" in capsys.readouterr().err
    assert main([*command, "--recipe", "small_20", "--gpus", "1:2"]) == 2
    assert "give --address" in capsys.readouterr().err
    assert main([*command, "--recipe", "small_20", "--gpus", "1:2", "--address", address]) == 2
    assert f"no Ray cluster answers at --address {address}" in capsys.readouterr().err
    assert not (tmp_path / "t").exists()
