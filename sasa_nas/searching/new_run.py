"""Makes the folder of a new run."""

from datetime import UTC, datetime

from sasa_nas.errors import UserError
from sasa_nas.files import is_temporary, make_directory, write_text
from sasa_nas.run import RunFolder, RunInfo
from sasa_nas.run.new_folder import require_new, unwritable
from sasa_nas.run.operators import record_operators
from sasa_nas.run.packing import Packing
from sasa_nas.run.provenance import git_state, versions
from sasa_nas.searching.plan import SearchPlan


def check_folder(folder: RunFolder) -> None:
    """Raise unless a new run can be made at `folder`, and leave nothing there.

    Raises:
        UserError: If something is there, or nothing can be written there.
    """
    _refuse_run(folder)
    if not _half_made(folder):
        require_new(folder.path)


def _half_made(folder: RunFolder) -> bool:
    """Return whether a search was killed while it made the folder: it holds only what precedes run.json."""
    first = {folder.lock, folder.trials, folder.operators}
    try:
        there = {path for path in folder.path.iterdir() if not is_temporary(path)}
        return folder.lock in there and there <= first and not (folder.trials.is_dir() and any(folder.trials.iterdir()))
    except OSError:
        return False


def _refuse_run(folder: RunFolder) -> None:
    path = folder.path
    if folder.info.exists():
        raise UserError(f"{path} already holds a run; go on with it (`sasa-nas resume {path}`) or choose another --out")


def make_folder(
    folder: RunFolder,
    plan: SearchPlan,
    command: str,
    *,
    device: str,
    packing: Packing | None = None,
    table: str | None = None,
) -> None:
    """Create the run's folder with its run.json; the folder's lock is held.

    Args:
        folder: Folder to make.
        plan: Plan of the search.
        command: The command line that asked for this.
        device: Description of the device that networks are trained on.
        packing: Measured shares of the machine; None if they were not measured.
        table: The table that is replayed, if one is.

    Raises:
        UserError: If it cannot be written, or holds a run.
    """
    _refuse_run(folder)  # made by another search since `check_folder`
    mean, std = plan.standardisation
    try:
        operators = record_operators(folder.operators)
    except OSError as error:
        raise UserError(f"{unwritable(folder.path, error)}; choose another --out") from error
    info = RunInfo(
        space=plan.space.model_dump(mode="json"),
        settings=plan.recorded_settings,
        created=datetime.now(UTC),
        command=command,
        versions=versions(),
        git=git_state(),
        device=device,
        packing=packing,
        mean=mean,
        std=std,
        class_names=plan.data.class_names,
        table=table,
        operators=operators,
    )
    try:
        make_directory(folder.trials)
        write_text(folder.info, info.model_dump_json(indent=2) + "\n")
    except OSError as error:
        raise UserError(f"{unwritable(folder.path, error)}; choose another --out") from error
