"""Tracking with Weights & Biases: offline, unless its own variables say otherwise."""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import wandb

from sasa_nas.errors import UserError
from sasa_nas.tracking.tracker import Earlier, OpenRun, RunDescription, Status, Tracker

PROJECT = "sasa-nas"
"""Project of runs for which WANDB_PROJECT names none."""

EXIT_CODES = {Status.FINISHED: 0, Status.STOPPED: 0, Status.FAILED: 1, Status.INTERRUPTED: 255}
"""Exit codes by which W&B shows a run as finished, failed or killed."""


class WeightsAndBiases:
    """Weights & Biases; its variables WANDB_MODE, WANDB_PROJECT, WANDB_ENTITY, WANDB_DIR and the others count.

    Raises:
        UserError: If it is to be online, and this machine has no key for it.
    """

    name = "wandb"

    def __init__(self) -> None:
        self._mode = os.environ.get("WANDB_MODE", "offline")
        # else it would ask for one at a terminal, from a thread
        if self._mode == "online" and not wandb.login(prompt=False, verify=False):
            raise UserError("WANDB_MODE is online, and there is no key: run `wandb login`, or set WANDB_MODE=offline")

    def open(self, folder: Path, group: str) -> Tracker:
        """Return a tracker that writes into `folder`, or to the server."""
        return _Project(self._mode, folder, group)


class _Project:
    """The `Tracker`."""

    def __init__(self, mode: str, folder: Path, group: str) -> None:
        self._mode = mode
        # W&B makes the folder's last part itself
        self._place = os.environ.get("WANDB_DIR", str(folder.parent))
        self._group = os.environ.get("WANDB_RUN_GROUP", group)
        self._project = os.environ.get("WANDB_PROJECT", PROJECT)
        server = (os.environ.get(name, "") for name in ("WANDB_BASE_URL", "WANDB_ENTITY"))
        self.destination = " ".join([mode, *server, self._project])

    def start(self, run: RunDescription, earlier: Earlier | None) -> OpenRun:
        """Begin a run beside those under way, or go on with the one of the same id."""
        opened = wandb.init(
            id=earlier.id if earlier else secrets.token_hex(4),
            resume="allow",
            reinit="create_new",
            mode=self._mode,
            project=self._project,
            dir=self._place,
            group=self._group,
            job_type=run.kind,
            name=run.name,
            config=dict(run.parameters),
            settings=wandb.Settings(console="off", silent=True),
        )
        return _Run(opened)


class _Run:
    """The `OpenRun`."""

    def __init__(self, run: Any) -> None:
        self.id: str = run.id
        self._run = run

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Write a row of the history."""
        self._run.log(dict(metrics), step=step)

    def end(self, step: int, status: Status, results: Mapping[str, float], notes: Mapping[str, str]) -> None:
        """Write results and texts to the summary."""
        summary = {f"final/{name}": value for name, value in results.items()}
        self._run.summary.update({**summary, "status": status.value, **notes})
        self._run.finish(exit_code=EXIT_CODES[status])
