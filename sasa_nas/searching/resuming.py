"""The record of a run that goes on, with the resources outside its folder that the command names."""

from pathlib import Path

from sasa_nas.data.folders import settled_name
from sasa_nas.data.splits import same_statistics
from sasa_nas.errors import UserError
from sasa_nas.run import ExternalResources, RunFolder, RunInfo, read_info
from sasa_nas.run.external import confirmed
from sasa_nas.run.operators import require_operators
from sasa_nas.searching.plan import SearchPlan


def trainable(path: Path, named: ExternalResources) -> RunInfo:
    """Return the record of a run that more networks can be trained in, with the resources that the command names.

    Args:
        path: The run's folder.
        named: Resources that the command names.

    Raises:
        UserError: If it is no run, was replayed, its operators are not loaded as they were, or it uses resources that
            the command does not name.
    """
    info = read_info(RunFolder(path))
    require_operators(info.operators, path)
    if info.table is not None:
        raise UserError(
            f"{path} replayed {info.table} and trained nothing; replay it again, with other --trials or --balanced"
        )
    external = confirmed(ExternalResources.of_run(info), named, path)
    settings = info.settings.model_copy(
        update={"address": external.address, "storage": external.storage, "data_dir": external.data_dir}
    )
    space = info.space
    if external.dataset is not None:
        dataset = settled_name(external.dataset, external.data_dir)
        if dataset.partition(":")[0] != info.dataset.partition(":")[0]:
            raise UserError(f"{path} is trained on dataset '{info.dataset}'; leave out --dataset {external.dataset}")
        space = space | {"proxy": space["proxy"] | {"dataset": dataset}}
    return info.model_copy(update={"settings": settings, "space": space})


def require_same_data(plan: SearchPlan, info: RunInfo, path: Path) -> None:
    """Raise if a run's data set is no longer what its networks were trained on.

    Args:
        plan: Plan made from the data set as it is now.
        info: The run's record.
        path: The run's folder, for the message.

    Raises:
        UserError: If the pixels have another mean or deviation than the run's record holds.
    """
    if not same_statistics(plan.standardisation, (info.mean, info.std)):
        raise UserError(
            f"dataset '{plan.data.name}' is not what {path} was begun with (its pixels have another mean or "
            "deviation); put its files back, or begin a new search"
        )
