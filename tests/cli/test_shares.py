import pytest

from sasa_nas.cli.shares import Shares, parse_shares
from sasa_nas.errors import UserError


@pytest.mark.parametrize(
    ("cpus", "gpus", "expected"),
    [
        ("1", "0", Shares(1, 0.0, ())),
        ("4", "0.25", Shares(4, 0.25, ())),
        ("auto", "0", Shares(1, 0.0, ("cpus",))),
    ],
)
def test_numbers_and_auto(cpus: str, gpus: str, expected: Shares) -> None:
    assert parse_shares(cpus, gpus) == expected


def test_cards_are_found_out_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert parse_shares("2", "auto") == Shares(2, 1.0, ("gpus",))
    assert parse_shares("auto", "auto") == Shares(1, 1.0, ("cpus", "gpus"))
    assert parse_shares("1", None) == Shares(1, 1.0, ())


@pytest.mark.parametrize(
    ("cpus", "gpus", "words"),
    [
        ("0", None, "--cpus-per-trial 0: give a whole number of at least 1, or auto"),
        ("1.5", None, "--cpus-per-trial 1.5"),
        ("all", None, "--cpus-per-trial all"),
        ("1", "-1", "--gpus-per-trial -1: give a number of at least 0, or auto"),
        ("1", "nan", "--gpus-per-trial nan"),
        ("1", "inf", "--gpus-per-trial inf"),
        ("1", "half", "--gpus-per-trial half"),
    ],
)
def test_anything_else_is_refused(cpus: str, gpus: str | None, words: str) -> None:
    with pytest.raises(UserError, match=words.replace(".", r"\.")):
        parse_shares(cpus, gpus)
