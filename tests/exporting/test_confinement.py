"""A process that confines itself, tried by what it then attempts."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

CHILD = """
import json, os, resource, socket, subprocess, sys
from pathlib import Path
from sasa_nas.exporting.confinement import confine, limit

box, victim = Path(sys.argv[1]), Path(sys.argv[2])
limit(memory=1 << 30, seconds=60, file_size=1 << 20)
confined = confine(box)
tried = {}

def attempt(name, call):
    try:
        call()
        tried[name] = "done"
    except BaseException as error:
        tried[name] = type(error).__name__

attempt("write", lambda: victim.open("w"))
attempt("append", lambda: victim.open("a"))
attempt("truncate", lambda: os.truncate(victim, 0))
attempt("remove", lambda: victim.unlink())
attempt("rename", lambda: victim.rename(victim.with_name("other")))
attempt("new folder", lambda: victim.with_name("new").mkdir())
attempt("by a link", lambda: ((box / "link").symlink_to(victim), (box / "link").open("w")))
attempt("by a program", lambda: subprocess.run(["sh", "-c", f"echo x > {victim}"], check=True, capture_output=True))
attempt("connect", lambda: socket.create_connection(("127.0.0.1", int(sys.argv[3])), 5))
attempt("inside", lambda: (box / "file").write_text("x"))
attempt("nothing", lambda: Path(os.devnull).write_text("x"))
attempt("read", lambda: victim.read_text())
attempt("large file", lambda: (box / "large").write_bytes(bytes(2 << 20)))
attempt("memory", lambda: bytearray(2 << 30))
print(json.dumps({"confined": confined, "tried": tried, "core": resource.getrlimit(resource.RLIMIT_CORE)[0]}))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits and rules as Linux has them")
def test_a_confined_process_writes_to_its_folder_alone_and_keeps_its_limits(tmp_path: Path) -> None:
    box, victim = tmp_path / "box", tmp_path / "victim"
    box.mkdir()
    victim.write_text("precious")
    # nobody listens at port 1: without rules, the connection is refused
    command = [sys.executable, "-c", CHILD, str(box), str(victim), "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    tried = answer["tried"]
    assert answer["core"] == 0
    assert (tried.pop("large file"), tried.pop("memory")) == ("OSError", "MemoryError")
    if not answer["confined"]:
        pytest.skip("no Landlock in this kernel")
    assert {name for name, result in tried.items() if result == "done"} == {"inside", "nothing", "read"}
    assert victim.read_text() == "precious"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["box", "victim"]
