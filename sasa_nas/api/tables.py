"""Tables of every network of a small space, which searches replay."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sasa_nas.space import SearchSpace, load_space

if TYPE_CHECKING:
    from sasa_nas.table import Table
    from sasa_nas.table.reliability import Consistency, Reliability
    from sasa_nas.workflows.observer import TableObserver


def make_table(
    space: SearchSpace | str | Path,
    out: Path | str,
    *,
    seeds: Sequence[int] = (0, 1, 2),
    repeated: int | None = None,
    workers: int | None = None,
    data_dir: Path | None = None,
    device: str = "auto",
    observer: "TableObserver | None" = None,
) -> "Table":
    """Train every network of a small space, and keep accuracy and loss after every epoch, FLOPs and latency.

    Stopped, it goes on where it was when it is called again.

    Args:
        space: Search space, the name of one that ships with the package, or a YAML file.
        out: The table's file, as a rule .json.gz.
        seeds: Seeds of the trainings of each network.
        repeated: Number of networks, drawn at random, that are trained with every seed; the others are trained with the
            first alone. All if None.
        workers: Processes, of one thread each; one a CPU core if None.
        data_dir: Folder of the data sets; None for the default place.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        observer: Observer of the progress; None for none.

    Raises:
        UserError: If the space is too large, the data are missing, the file cannot be written, or a training fails.

    Examples:
        >>> import sasa_nas
        >>> table = sasa_nas.make_table("hybrid256", "table.json.gz", seeds=[0])  # doctest: +SKIP
        >>> run = sasa_nas.replay("table.json.gz")  # doctest: +SKIP
    """
    from sasa_nas.workflows.observer import TableObserver
    from sasa_nas.workflows.tabulate import make_table  # torch takes seconds

    return make_table(
        space if isinstance(space, SearchSpace) else load_space(str(space)),
        Path(out),
        seeds=seeds,
        repeated=repeated,
        workers=workers or os.cpu_count() or 1,
        data_dir=data_dir,
        device=device,
        observer=observer or TableObserver(),
    )


def table_reliability(table: "Table") -> "tuple[Reliability, Consistency | None] | None":
    """Estimate how well a table's trainings tell its networks apart, from the networks with several seeds.

    Returns:
        The reliability of one training, ICC(1), and among trainings of one seed, ICC(3,1), which is None if the
        networks were not all trained with the same seeds. None if too few networks have several seeds.

    Examples:
        >>> import sasa_nas
        >>> table = sasa_nas.load_table("tables/hybrid256_digits.json.gz")  # doctest: +SKIP
        >>> sasa_nas.table_reliability(table)[0].single  # doctest: +SKIP
    """
    from sasa_nas.table.reliability import estimate_consistency, estimate_reliability, final_accuracies

    accuracies = final_accuracies(table)
    quality = estimate_reliability(accuracies)
    return None if quality is None else (quality, estimate_consistency(accuracies))
