"""Verifies an export in a process of its own, which has limits and may write to no place but a temporary folder.

    python -P -m sasa_nas.exporting.verifying WORKPLACE

It imports nothing heavy before the limits are there.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import ValidationError

import sasa_nas
from sasa_nas.errors import UserError, one_line, printable
from sasa_nas.exporting.confinement import confine, limit
from sasa_nas.exporting.contents import last_line, read_contents
from sasa_nas.exporting.verification_report import VerificationReport
from sasa_nas.operators.plugins import load_operators, loaded_operators

SECONDS = 1800
"""Limits of a verification."""
_FILE_SIZE = 4 << 30
"""Bytes of a file that it writes, at most: twice what it reads."""
_TASK, _RESULT, _OUTPUT = "task.json", "result.json", "output"


@dataclass(frozen=True)
class _Task:
    folder: str
    seed: int
    trust: bool
    memory: int
    operators: tuple[str, ...]


def verify_export(folder: Path, *, seed: int = 0, trust: bool = False) -> VerificationReport:
    """Verify an export as `verification.verify_here` does, under limits.

    All of it takes half an hour and half of the machine's memory at most, and writes to a temporary folder alone,
    where the system can hold it to that; see `confinement`.

    Args:
        folder: The export.
        seed: Fixes the images.
        trust: Whether files that hold something else than this version of sasa-nas writes are run too.

    Raises:
        UserError: As `verification.verify_here`, or if it goes beyond its limits.
    """
    with tempfile.TemporaryDirectory(prefix="sasa-nas-") as name:
        workplace = Path(name)
        task = _Task(
            folder=str(folder),
            seed=seed,
            trust=trust,
            memory=_memory(),
            operators=tuple(_copied(workplace / f"{file.name}.py", file.text) for file in loaded_operators()),
        )
        # names of no encoding survive as escapes
        (workplace / _TASK).write_text(json.dumps(asdict(task)), encoding="utf-8")
        status = _run(workplace)
        result = _read_result(workplace)
        if result is None:
            raise UserError(f"{printable(folder)} cannot be verified: {_reason(status, task, workplace)}")
        if isinstance(result, str):
            raise UserError(result)
        return result


def _copied(file: Path, text: str) -> str:
    file.write_text(text, encoding="utf-8")
    return str(file)


def _memory() -> int:
    """Return bytes that each process may have: half of the machine's, 4 GiB at least."""
    try:
        whole = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        whole = 0
    return max(whole // 2, 4 << 30)


def _run(workplace: Path) -> int:
    """Return the exit status of the process that verifies; it and all that it started are gone afterwards."""
    package = str(Path(sasa_nas.__file__).parents[1])
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")])),
        **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(workplace)),
        # files are checked on the processor
        "CUDA_VISIBLE_DEVICES": "",
    }
    command = [sys.executable, "-P", "-m", __spec__.name if __spec__ else __name__, str(workplace)]
    with (workplace / _OUTPUT).open("wb") as output:
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            return process.wait(SECONDS)
        except subprocess.TimeoutExpired as error:
            raise UserError(f"the verification has not ended after {SECONDS} seconds") from error
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and those that it started."""
    if hasattr(os, "killpg"):
        # all have ended; macOS says that the group of one that ended is not permitted
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


def _read_result(workplace: Path) -> VerificationReport | str | None:
    """Return the report, the line that says why there is none, or None where the process got to neither."""
    try:
        content = read_contents(workplace, [_RESULT], largest=1 << 20).get(_RESULT, b"null")
        found = json.loads(content)
        return found if found is None or isinstance(found, str) else VerificationReport.model_validate(found)
    except (UserError, ValidationError, ValueError, RecursionError):
        return None


def _reason(status: int, task: _Task, workplace: Path) -> str:
    if status >= 0:
        return last_line(workplace / _OUTPUT) or f"exit status {status}"
    return f"its process was ended by signal {-status}; it may have {task.memory / 2**30:.0f} GiB of memory"


def main(workplace: Path) -> None:
    """Verify what the task in a folder names, with this process confined to the folder, and leave the result there."""
    task = _Task(**json.loads((workplace / _TASK).read_text(encoding="utf-8")))
    limit(memory=task.memory, seconds=SECONDS * (os.cpu_count() or 1), file_size=_FILE_SIZE)
    confined = confine(workplace)
    try:
        answer: object = _verify(task).model_copy(update={"confined": confined}).model_dump(mode="json")
    except UserError as error:
        answer = one_line(error)
    except MemoryError:
        answer = (
            f"{printable(task.folder)} needs more memory than the {task.memory / 2**30:.0f} GiB that each process of a "
            "verification may have"
        )
    temporary = workplace / f"{_RESULT}.new"
    temporary.write_text(json.dumps(answer), encoding="utf-8")
    temporary.replace(workplace / _RESULT)


def _verify(task: _Task) -> VerificationReport:
    for file in task.operators:
        load_operators(Path(file))
    from sasa_nas.exporting.verification import verify_here

    return verify_here(Path(task.folder), seed=task.seed, trust=task.trust)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
