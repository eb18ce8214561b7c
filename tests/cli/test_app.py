"""How the command ends: help, version, one line for what a person can mend."""

import subprocess
import sys
from pathlib import Path

import pytest
import typer

from sasa_nas import __version__
from sasa_nas.cli import app as app_module
from sasa_nas.cli.app import main
from sasa_nas.errors import UserError


def _failing_app(error: BaseException) -> typer.Typer:
    app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)

    @app.command()
    def fail() -> None:
        raise error

    return app


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_help_names_every_command(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert all(f"\n  {command} " in out for command in ("pareto", "describe", "list", "doctor"))


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"sasa-nas {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["nope"], "nope"),
        (["pareto"], "run"),
        (["pareto", "x", "--nope"], "--nope"),
        (["list", "nope"], "'models', 'spaces', 'datasets', 'operators'"),
        (["list", "models", "--schema"], "spaces"),
        (["describe", "resnet50", "--image-size", "many"], "--image-size"),
        (["describe", "resnet50", "--image-size", "0"], "--image-size"),
        (["describe", "resnet50", "--convention", "x"], "'sasa', 'aa', 'san', 'macs'"),
    ],
)
def test_wrong_use_is_one_line_and_status_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], part: str
) -> None:
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("sasa-nas: ")
    assert err.count("\n") == 1
    assert part in err
    assert "Value error" not in err


def test_a_user_error_is_printed_as_it_is(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    message = "stages[0].operator: [bold]no[/bold] markup, " + "no wrapping, " * 30
    monkeypatch.setattr(app_module, "app", _failing_app(UserError(message + "\nno break")))
    assert main([]) == 2
    assert capsys.readouterr().err == f"sasa-nas: {message}no break\n"


def test_what_was_typed_is_not_repeated_at_any_length(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["resume", "a" * 10_000]) == 2
    err = capsys.readouterr().err
    assert err.startswith("sasa-nas: aaa")
    assert len(err) < 1300
    assert err.endswith("... can be no file or folder: File name too long\n")


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["train", "resnet50", "--dataset", "digits", "--depth-multiplier", "inf"], "--depth-multiplier"),
        (["train", "resnet50", "--dataset", "digits", "--width-multiplier", "nan"], "--width-multiplier"),
        (["search", "--space", "tiny", "--balanced", "nan"], "--balanced"),
        (["search", "--space", "tiny", "--trial-timeout", "inf"], "--trial-timeout"),
        (["search", "--space", "tiny", "--train-images", "9" * 400], "too large"),
        (["search", "--space", "tiny", "--max-flops", "9" * 400], "too large"),
        (["search", "--space", "tiny", "--trials", "9" * 30], "'--trials': the number is too large"),
        (["search", "--space", "tiny", "--seed", str(2**32)], "--seed"),
        (["where", "run", "--resolution", "nan"], "'--resolution': nan is no finite number"),
    ],
)
def test_numbers_that_no_command_can_use_are_one_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str], part: str
) -> None:
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert part in err


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["search", "--space", "a" * 300], "no search space 'aaa"),
        (["train", "resnet50", "--dataset", "digits", "--data-dir", "loop"], "loop can be no file or folder: Too many"),
        (["pareto", "a" * 300], "can be no file or folder: File name too long"),
        (["train", "resnet50", "--dataset", "digits", "--out", "a/" * 2000], "more than 100 folders"),
    ],
)
def test_paths_that_can_be_none_are_one_line(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    arguments: list[str],
    part: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("loop").symlink_to("loop")
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert part in err


def test_interrupt_is_130(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_module, "app", _failing_app(KeyboardInterrupt()))
    assert main([]) == 130
    assert "Traceback" not in capsys.readouterr().err


def test_a_mistake_of_ours_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_module, "app", _failing_app(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        main([])


@pytest.mark.slow
def test_help_and_spaces_come_without_torch() -> None:
    script = (
        "import sys; from sasa_nas.cli.app import main; "
        "main(['--help']); main(['list', 'spaces', '--schema']); main(['list', 'operators']); "
        "sys.exit('torch' in sys.modules or 'ray' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
def test_a_reader_that_leaves_early_is_no_error() -> None:
    script = "import sys; from sasa_nas.cli.app import main; sys.exit(main(['list', 'spaces', '--schema']))"
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(timeout=60) == 1
