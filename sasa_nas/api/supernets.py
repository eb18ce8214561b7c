"""One-shot supernets: every design of a space judged by one training."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sasa_nas.run.supernet_folder import SupernetFolder
from sasa_nas.space import SearchSpace, load_space

if TYPE_CHECKING:
    from sasa_nas.workflows.observer import SupernetObserver
    from sasa_nas.workflows.supernet import SupernetSummary

MOST_PATHS = 2000
"""Most designs that are judged, by default."""


def train_supernet(
    space: SearchSpace | str | Path,
    out: Path | str,
    *,
    seeds: Sequence[int] = (0,),
    most_paths: int = MOST_PATHS,
    data_dir: Path | None = None,
    device: str = "auto",
    observer: "SupernetObserver | None" = None,
    command: str = "",
) -> "SupernetSummary":
    """Train one network that contains all designs of a space, and judge each design by it.

    Stopped, it goes on where it was when it is called again, and then may have more seeds or judge more designs.

    Args:
        space: Search space, the name of one that ships with the package, or a YAML file. Its stages choose operators;
            its proxy has the data set and the recipe.
        out: The supernet's folder.
        seeds: Seeds, each of a supernet of its own.
        most_paths: Most designs that are judged; a larger space is judged by so many, drawn in balance.
        data_dir: Folder of the data sets; None for the default place.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        observer: Observer of the progress; None for none.
        command: Command line that asked for it, for the record.

    Raises:
        UserError: If a supernet cannot hold the space, the folder holds another one, the data are missing, a training
            diverges, or the folder cannot be written.

    Examples:
        >>> import sasa_nas
        >>> found = sasa_nas.train_supernet("hybrid256", "runs/supernet", seeds=[0, 1, 2])  # doctest: +SKIP
        >>> scores = sasa_nas.supernet_scores("runs/supernet")  # doctest: +SKIP
    """
    from sasa_nas.workflows.observer import SupernetObserver
    from sasa_nas.workflows.supernet import SupernetRequest, train_supernet  # torch takes seconds

    return train_supernet(
        space if isinstance(space, SearchSpace) else load_space(str(space)),
        SupernetFolder(Path(out)),
        SupernetRequest(seeds=tuple(seeds), most_paths=most_paths, device=device, data_dir=data_dir),
        observer=observer or SupernetObserver(),
        command=command,
    )


def supernet_scores(folder: Path | str) -> Mapping[str, float]:
    """Return a supernet's score of each design that all its seeds have judged, the higher the better.

    Args:
        folder: The supernet's folder.

    Returns:
        Minus the mean validation loss over the seeds, by the design's id.

    Raises:
        UserError: If the folder is no supernet's, or cannot be read.

    Examples:
        >>> import sasa_nas
        >>> sasa_nas.supernet_scores("runs/supernet")["5d0e6a2c4c9b"]  # doctest: +SKIP
        -2.41
    """
    from sasa_nas.run.path_records import one_shot_scores
    from sasa_nas.run.supernet_records import read_paths

    return one_shot_scores(read_paths(SupernetFolder(Path(folder))))


def supernet_agreement(folder: Path | str) -> float | None:
    """Return how far the seeds of a supernet agree on the order of the designs, which needs no truth.

    Args:
        folder: The supernet's folder.

    Returns:
        Kendall's tau-b between the validation losses of two seeds, the mean over pairs of seeds; None for one seed.

    Raises:
        UserError: If the folder is no supernet's, or cannot be read.

    Examples:
        >>> import sasa_nas
        >>> sasa_nas.supernet_agreement("runs/supernet")  # doctest: +SKIP
        0.71
    """
    from sasa_nas.run.path_records import losses_by_design
    from sasa_nas.run.supernet_records import read_paths
    from sasa_nas.table.reliability import tau_between_seeds

    return tau_between_seeds(list(losses_by_design(read_paths(SupernetFolder(Path(folder)))).values()))
