"""A table of one network, two seeds and two epochs."""

from datetime import UTC, datetime
from typing import Any

from sasa_nas.space import Architecture, Stage
from sasa_nas.table import Row, Table, TableInfo


def table(**changes: Any) -> Table:
    info = TableInfo(
        space={"name": "s"},
        dataset="digits",
        epochs=2,
        seeds=(0, 7),
        train_images=10,
        validation_images=5,
        created=datetime(2026, 1, 2, tzinfo=UTC),
        versions={"torch": "2"},
        git=None,
        device="cpu",
    )
    row = {
        "choices": {"stages[0].width": 8},
        "architecture": Architecture(stages=(Stage(width=8),)),
        "flops": 10,
        "params": 3,
        "macs": {"conv_linear": 5},
        "accuracy": ((0.1, 0.2), (0.3, 0.4)),
        "train_loss": ((2.0, 1.0), (2.0, 1.5)),
        "seconds": (1.0, 2.0),
    }
    return Table(info=info, rows=(Row.model_validate(row | changes),))
