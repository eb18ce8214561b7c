"""Verification of an export in a separate process with limits, which may write to a temporary folder only.

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
"""Most seconds of a verification."""
_FILE_SIZE = 4 << 30
"""Most bytes of a file that it writes: twice the most that it reads."""
_TASK, _RESULT, _OUTPUT = "task.json", "result.json", "output"


@dataclass(frozen=True)
class _Task:
    folder: str
    seed: int
    trust: bool
    memory: int
    operators: tuple[str, ...]


def verify_export(folder: Path, *, seed: int = 0, trust: bool = False) -> VerificationReport:
    """Verify an export by `verification.verify_here`, under limits.

    It takes at most half an hour and half of the machine's memory, and may write to a temporary folder only, if the
    system can enforce that; see `confinement`.

    Args:
        folder: The export.
        seed: Seed of the images.
        trust: Whether to run files with content that this version of sasa-nas does not write, too.

    Raises:
        UserError: See `verification.verify_here`, and if it exceeds its limits.
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
    """Return the most bytes of each process: half of the machine's memory, at least 4 GiB."""
    try:
        whole = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        whole = 0
    return max(whole // 2, 4 << 30)


def _run(workplace: Path) -> int:
    """Run the verification in a process, end it with all its children, and return its exit status."""
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
    """Kill a process and its children."""
    if hasattr(os, "killpg"):
        # all have ended; macOS says that the group of one that ended is not permitted
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


def _read_result(workplace: Path) -> VerificationReport | str | None:
    """Return the report, the error message, or None if the process wrote neither."""
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
    """Confine this process to a folder, verify the export that the task in it names, and write the result there."""
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
