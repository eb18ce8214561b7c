"""Tracking with MLflow: a database in the folder, unless MLFLOW_TRACKING_URI names a server."""

import logging
import os
import time
from collections.abc import Mapping
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag

from sasa_nas.tracking.places import no_link
from sasa_nas.tracking.tracker import Earlier, OpenRun, RunDescription, Status, Tracker

STATUSES = {
    Status.FINISHED: "FINISHED",
    Status.STOPPED: "FINISHED",
    Status.FAILED: "FAILED",
    Status.INTERRUPTED: "KILLED",
}
"""MLflow's own statuses, of which none is for a run that is stopped early."""

MOST_PARAMETERS = 100
"""Most parameters that a server takes at once."""


class MLflow:
    """MLflow; its variables MLFLOW_TRACKING_URI, MLFLOW_EXPERIMENT_NAME and the others count."""

    name = "mlflow"

    def __init__(self) -> None:
        # it tells of each table that it makes
        if "MLFLOW_LOGGING_LEVEL" not in os.environ:
            logging.getLogger("mlflow").setLevel(logging.WARNING)

    def open(self, folder: Path, group: str) -> Tracker:
        """Return a tracker that writes into a database in `folder`, or to the server."""
        uri = os.environ.get("MLFLOW_TRACKING_URI")
        if uri:
            return _Experiment(uri, None, group)
        place = folder.resolve()
        # newer versions refuse to write plain files
        return _Experiment(f"sqlite:///{no_link(place / 'mlflow.db')}", (place / "artifacts").as_uri(), group)


class _Experiment:
    """The `Tracker`.

    Args:
        uri: URI of the server or the database.
        artifacts: URI of a folder for artifacts if the database is in a folder of ours; None for a server.
        group: Name of the experiment, unless MLFLOW_EXPERIMENT_NAME has one.
    """

    def __init__(self, uri: str, artifacts: str | None, group: str) -> None:
        self._client = MlflowClient(tracking_uri=uri)
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", group)
        found = self._client.get_experiment_by_name(name)
        self._experiment: str = (
            found.experiment_id if found else self._client.create_experiment(name, artifact_location=artifacts)
        )
        self._group = group
        # a database of ours is wherever its folder is
        self.destination = "folder" if artifacts else f"{uri} {name}"

    def start(self, run: RunDescription, earlier: Earlier | None) -> OpenRun:
        """Begin a run, or set it to running again."""
        if earlier is not None:
            self._client.update_run(earlier.id, status="RUNNING")
            return _Run(self._client, earlier.id)
        tags = {"sasa_nas.group": self._group, "sasa_nas.kind": run.kind}
        run_id = self._client.create_run(self._experiment, run_name=run.name, tags=tags).info.run_id
        parameters = [Param(name, str(value)) for name, value in run.parameters.items()]
        for start in range(0, len(parameters), MOST_PARAMETERS):
            self._client.log_batch(run_id, params=parameters[start : start + MOST_PARAMETERS])
        return _Run(self._client, run_id)


class _Run:
    """The `OpenRun`."""

    def __init__(self, client: MlflowClient, run_id: str) -> None:
        self.id = run_id
        self._client = client

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Write metrics."""
        now = int(1000 * time.time())
        self._client.log_batch(self.id, metrics=[Metric(name, value, now, step) for name, value in metrics.items()])

    def end(self, step: int, status: Status, results: Mapping[str, float], notes: Mapping[str, str]) -> None:
        """Write results as metrics, and texts as tags."""
        self.log(step, {f"final/{name}": value for name, value in results.items()})
        tags = {"status": status.value, **notes}
        self._client.log_batch(self.id, tags=[RunTag(f"sasa_nas.{name}", text) for name, text in tags.items()])
        self._client.set_terminated(self.id, STATUSES[status])
