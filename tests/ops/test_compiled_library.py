"""Compiling C files and keeping what came out."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sasa_nas.ops.compiled import CannotCompileError, load_library
from sasa_nas.ops.compiled.library import SHARED

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")

ANSWER = "int answer(void) { return %d; }\n"


class Workshop:
    """A C file, a cache of its own, and a compiler that writes down every library it makes."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.source = folder / "answer.c"
        self.source.write_text(ANSWER % 42)
        self.cache = folder / "cache" / "sasa-nas"
        self.log = folder / "log"
        self.log.touch()
        self.monkeypatch = monkeypatch
        monkeypatch.setenv("XDG_CACHE_HOME", str(self.cache.parent))
        self.use_compiler(f'case "$*" in *-shared*) echo made >> {self.log};; esac; exec cc "$@"')

    def use_compiler(self, script: str) -> None:
        compiler = self.source.with_name("compiler")
        compiler.write_text(f"#!/bin/sh\n{script}\n")
        compiler.chmod(0o755)
        self.monkeypatch.setenv("CC", str(compiler))

    def load(self) -> int:
        """Loads as a new process would, and calls the function."""
        load_library.cache_clear()
        answer = load_library(self.source).answer()
        assert isinstance(answer, int)
        return answer

    def made(self) -> int:
        return len(self.log.read_text().splitlines())

    def kept(self) -> list[Path]:
        return list(self.cache.iterdir())


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workshop]:
    yield Workshop(tmp_path, monkeypatch)
    load_library.cache_clear()


def test_compiles_once_a_machine_and_loads_once_a_process(workshop: Workshop) -> None:
    assert workshop.load() == workshop.load() == 42
    assert workshop.made() == 1
    assert load_library(workshop.source) is load_library(workshop.source)
    assert len(workshop.kept()) == 1


def test_other_sources_are_compiled_anew(workshop: Workshop) -> None:
    assert workshop.load() == 42
    workshop.source.write_text(ANSWER % 43)
    assert workshop.load() == 43
    assert len(workshop.kept()) == 2


def test_other_options_are_compiled_anew(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    workshop.source.write_text("#ifndef NUMBER\n#define NUMBER 1\n#endif\nint answer(void) { return NUMBER; }\n")
    assert workshop.load() == 1
    monkeypatch.setenv("CC", f"{workshop.source.with_name('compiler')} -DNUMBER=2")
    assert workshop.load() == 2


def test_sources_may_include_the_shared_headers(workshop: Workshop) -> None:
    names = sorted(header.name for header in SHARED.glob("*.h"))
    lines = [f'#include "{name}"' for name in names] + ["int answer(void) { return LANES; }"]
    workshop.source.write_text("\n".join(lines))
    assert workshop.load() in (8, 16)


@pytest.mark.parametrize(
    "harm",
    [
        lambda content: content[: len(content) // 2],
        lambda content: b"",
        lambda content: content[:3000] + bytes([content[3000] ^ 1]) + content[3001:],
        lambda content: b"no library at all",
    ],
    ids=["cut", "empty", "a bit turned", "replaced"],
)
def test_a_kept_library_that_was_harmed_is_made_again(workshop: Workshop, harm: Callable[[bytes], bytes]) -> None:
    assert workshop.load() == 42
    (kept,) = workshop.kept()
    whole = kept.read_bytes()
    # not in place: this process has the file mapped
    kept.unlink()
    kept.write_bytes(harm(whole))
    assert workshop.load() == 42
    assert workshop.made() == 2
    assert workshop.load() == 42
    assert workshop.made() == 2


def test_where_nothing_can_be_kept_every_process_compiles(workshop: Workshop, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert workshop.load() == workshop.load() == 42
    assert workshop.made() == 2


def test_the_cache_is_the_home_folders(workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert workshop.load() == 42
    assert len(list((tmp_path / "home" / ".cache" / "sasa-nas").iterdir())) == 1


def test_processes_may_race(workshop: Workshop) -> None:
    children = []
    for _ in range(4):
        child = os.fork()
        if child == 0:
            os._exit(0 if workshop.load() == 42 else 1)
        children.append(child)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * 4
    assert len(workshop.kept()) == 1
    before = workshop.made()
    assert workshop.load() == 42
    assert workshop.made() == before


def test_says_that_there_is_no_compiler(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CC")
    with pytest.raises(CannotCompileError, match=r"^no C compiler found \(cc, gcc, clang\)$"):
        workshop.load()
    monkeypatch.setenv("CC", "nothing-of-that-name -O3")
    with pytest.raises(CannotCompileError, match=r"^no C compiler found \(nothing-of-that-name\)$"):
        workshop.load()


def test_says_what_the_compiler_says(workshop: Workshop) -> None:
    workshop.source.write_text("int answer(void) { return nothing; }\n")
    with pytest.raises(CannotCompileError, match=r"failed: .*answer\.c:1:\d+: error: .*nothing.* undeclared"):
        workshop.load()
    assert not workshop.kept()


def test_says_that_the_compiler_does_not_work(workshop: Workshop) -> None:
    workshop.use_compiler("exit 3")
    with pytest.raises(CannotCompileError, match="failed: status 3"):
        workshop.load()


def test_says_that_the_library_does_not_load(workshop: Workshop) -> None:
    workshop.use_compiler('for last; do :; done; case "$*" in *-shared*) echo text > "$last";; *) exec cc "$@";; esac')
    with pytest.raises(CannotCompileError, match="cannot load what was compiled"):
        workshop.load()


def test_does_without_flags_that_the_compiler_does_not_know(workshop: Workshop) -> None:
    workshop.use_compiler(f'case "$*" in *native*) exit 1;; esac; echo made >> {workshop.log}; exec cc "$@"')
    assert workshop.load() == 42


def test_what_another_user_may_have_planted_is_not_loaded(workshop: Workshop) -> None:
    workshop.load()
    (kept,) = workshop.kept()
    kept.chmod(0o666)
    assert workshop.load() == 42
    assert workshop.made() == 2
    workshop.cache.parent.chmod(0o777)  # anybody could put another folder there
    assert workshop.load() == 42
    assert workshop.made() == 3
