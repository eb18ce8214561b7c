"""Exports of networks: files that need no sasa-nas, and their verification."""

from pathlib import Path
from typing import TYPE_CHECKING

from sasa_nas.api.run import Run
from sasa_nas.errors import UserError
from sasa_nas.nodes import resolve as resolve_reference
from sasa_nas.run import RunFolder, TrainingFolder
from sasa_nas.run.training_records import read_task

# what a function needs beyond these is imported when it is called: torch takes seconds
if TYPE_CHECKING:
    from sasa_nas.exporting.verification_report import VerificationReport
    from sasa_nas.workflows.export import Exported, ExportRequest


def export(
    target: str, request: "ExportRequest | None" = None, *, trial: int | None = None, pick: str | None = None
) -> "Exported":
    """Write any network as files that need torch alone, or a runtime of ONNX.

    Args:
        target: Folder of a run, of a trial or of a training, a network's file, or the name of a network; the
            last two have random weights unless `request` names a file.
        request: Formats, weights, folder; a Python module if None.
        trial: Number of the trial of a run.
        pick: Trial of a run's front if none is named: `best` (also if None) or `knee`.

    Raises:
        UserError: If there is no such network, it is not trained, weights do not fit, or the folder cannot be written.

    Examples:
        >>> import sasa_nas
        >>> sasa_nas.export("runs/first", pick="knee").folder  # doctest: +SKIP
    """
    from sasa_nas.exporting.names import ARCHITECTURE_FILE
    from sasa_nas.workflows.export import ExportRequest, export_name, of_architecture, write_export
    from sasa_nas.workflows.targets import NetworkFolder, Trial, find_network, resolve

    request = request or ExportRequest()
    found = resolve(target)
    if isinstance(found, RunFolder):
        run = Run(found.path)
        return run.export(trial if trial is not None else run.pick(pick or "best").number, request)
    if trial is not None or pick is not None:
        raise UserError(f"--trial and --pick choose among the trials of a run, and '{target}' is no run's folder")
    if isinstance(found, Trial):
        return Run(found.run.path).export(found.number, request)
    if request.size == "target":
        raise UserError(f"--size target belongs to the trials of a run, and '{target}' is none")
    if isinstance(found, TrainingFolder):
        of_training = resolve_reference(read_task(found).trained)
        return write_export(of_training(found, request.choice), request)
    network = find_network(target)
    if isinstance(found, NetworkFolder):
        raise UserError(
            f"{target} does not tell how its weights were trained; export the run or the training that they come from, "
            f"or its {ARCHITECTURE_FILE} with --weights"
        )
    return write_export(of_architecture(network, export_name(target), request.choice), request)


def verify_export(folder: Path | str, *, seed: int = 0, trust: bool = False) -> "VerificationReport":
    """Run every file of an export without sasa-nas, under limits, and compare it with the network it was made from.

    Args:
        folder: Folder that `export` wrote.
        seed: Seed of the random images.
        trust: Whether files that hold something else than this version writes are run too.

    Raises:
        UserError: If a file does not fit or is refused, or the verification goes beyond its limits.

    Examples:
        >>> import sasa_nas
        >>> all(check.ok for check in sasa_nas.verify_export("exports/first").checks)  # doctest: +SKIP
        True
    """
    from sasa_nas.exporting.verifying import verify_export

    return verify_export(Path(folder), seed=seed, trust=trust)
