"""Synthetic tasks of `sasa_nas.synthetic` as data sets without images, whose sizes determine networks' costs."""

from pathlib import Path

from sasa_nas.data.known import register_dataset
from sasa_nas.data.splits import DatasetInfo, Splits
from sasa_nas.errors import UserError
from sasa_nas.synthetic import TASKS


def _refuse(info: DatasetInfo, data_dir: Path | None) -> Splits:
    raise UserError(f"'{info.name}' is a formula that answers `sasa-nas search`; it holds no images to train on")


for _name in TASKS:
    register_dataset(
        DatasetInfo(name=_name, channels=3, height=32, width=32, num_classes=10, flip=False, shift=0), _refuse
    )
