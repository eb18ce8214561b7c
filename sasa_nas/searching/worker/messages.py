"""Messages between the driver and a worker that trains one trial."""

import json
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from sasa_nas.operators.plugins import OperatorFile, receive_operators
from sasa_nas.run import Outcome, Phases
from sasa_nas.searching.measurements import MeasurementRequest, Measurements
from sasa_nas.space import Architecture, Proxy


class TrainingTask(BaseModel):
    """All that a worker needs to train one trial; travels as JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    operators: tuple[OperatorFile, ...] = ()
    """Files of operators that are not the package's own."""
    number: int
    folder: Path
    """The trial's folder, on a disk that driver and worker share; not used if there is a storage."""
    storage: str | None = None
    """The URL of the folder that keeps the trial's files instead."""
    architecture: Architecture
    full_size: Architecture
    proxy: Proxy
    data_dir: Path
    seed: int
    threads: int
    device: str
    """Device for `pick_device`: `auto`, `cpu`, `cuda` or `cuda:N`."""
    proposed: float | None = None
    """Time at which the task was handed out, in seconds since the epoch."""
    request: MeasurementRequest = MeasurementRequest()

    @property
    def training(self) -> str:
        """Identity of the training, without its number: numbers come again where the end of a study is lost."""
        return f"{self.architecture.id}, seed {self.seed}"

    @staticmethod
    def received(text: str) -> "TrainingTask":
        """Return a task from its JSON, in a worker: the operators that it names are loaded first.

        Raises:
            UserError: If these cannot be loaded.
        """
        data = json.loads(text)
        receive_operators(tuple(map(OperatorFile.model_validate, data.get("operators", ()))))
        return TrainingTask.model_validate_json(text)


class TrainingReport(BaseModel):
    """Report of a worker after an epoch, or when a training ends early."""

    model_config = ConfigDict(frozen=True)

    number: int
    epoch: int = 0
    accuracy: float | None = None
    train_loss: float | None = None
    outcome: Outcome
    reason: str | None = None
    halt: str | None = None
    """Reason why no training can go on, this one or another."""
    seconds: float = 0.0
    phases: Phases = Phases()
    findings: Measurements = Measurements()
