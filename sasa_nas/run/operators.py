"""The operators of one's own that a run was searched with: kept, recalled without their code, asked for again."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from sasa_nas.errors import UserError
from sasa_nas.files import write_text
from sasa_nas.operators.foreign import RecordedKind, register_foreign
from sasa_nas.operators.plugins import OperatorFile, kinds_of, loaded_operators


class RecordedFile(BaseModel):
    """A file of operators, as run.json keeps it."""

    model_config = ConfigDict(frozen=True)

    # a limit within the pattern, {1,200} of all letters of Unicode, takes a tenth of a second to compile
    name: Annotated[str, Field(pattern=r"^\w+$", max_length=200)]
    """File name without its suffix."""
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    kinds: tuple[RecordedKind, ...]


def record_operators(folder: Path) -> tuple[RecordedFile, ...]:
    """Copy the loaded files of operators into a folder, and return what is to be recorded of them.

    Args:
        folder: Made if there is anything to copy.

    Raises:
        OSError: If a file cannot be written.
    """
    files = loaded_operators()
    if files:
        folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        write_text(folder / f"{file.name}.py", file.text)
    return tuple(
        RecordedFile(name=file.name, sha256=file.sha256, kinds=tuple(map(RecordedKind.of, kinds_of(file))))
        for file in files
    )


def recall_operators(recorded: Sequence[RecordedFile]) -> None:
    """Register the recorded kinds that are unknown here, so that designs can be read; no code is executed."""
    for file in recorded:
        for kind in file.kinds:
            register_foreign(kind)


def require_operators(recorded: Sequence[RecordedFile], run: Path) -> None:
    """Check that the operators of a run are loaded as they were.

    Args:
        recorded: Operators that the run's record names.
        run: The run's folder, for the message.

    Raises:
        UserError: If a file is not loaded, or has changed since.
    """
    loaded: dict[str, OperatorFile] = {file.name: file for file in loaded_operators()}
    for file in recorded:
        if file.name not in loaded:
            raise UserError(
                f"{run} was searched with operators of {file.name}.py; if you trust that file, add --operators "
                f"{file.name}.py"
            )
        if loaded[file.name].sha256 != file.sha256:
            raise UserError(
                f"{file.name}.py has changed since {run} was begun; use the copy that the run keeps, if you "
                f"trust it: --operators {run}/operators/{file.name}.py"
            )
