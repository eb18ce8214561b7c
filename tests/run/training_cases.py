"""Records of a training that never was."""

from datetime import UTC, datetime
from pathlib import Path

from sasa_nas.run import TrainingInfo, TrainingSettings

INFO = TrainingInfo(
    name="net",
    architecture_id="0123456789ab",
    settings=TrainingSettings(dataset="digits", seeds=(3, 4), data_dir=Path("/data")),
    created=datetime(2024, 1, 1, tzinfo=UTC),
    command="sasa-nas train net --dataset digits",
    versions={"torch": "2.15"},
    git=None,
    device="cpu",
    mean=(4.5,),
    std=(6.25,),
)
