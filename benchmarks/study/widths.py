"""Trainings of a table's all-convolution network at other widths, by the recipe of the table."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sasa_nas.errors import UserError
from sasa_nas.run import Arm, SearchSettings
from sasa_nas.searching.plan import Design, draw
from sasa_nas.searching.propose.arm_designs import ArmDesigns
from sasa_nas.searching.propose.widths import at_width
from sasa_nas.searching.simulate.replay import replay_plan
from sasa_nas.space import Proxy
from sasa_nas.space.choosers import RecallChooser
from sasa_nas.space.files import validate_space
from sasa_nas.table import Table
from sasa_nas.table.journal import Curve, Journal, TableTask
from sasa_nas.workflows.courses import Job, load_proxy, train_all


@dataclass(frozen=True)
class Widened:
    """A training of the all-convolution network at another width.

    Attributes:
        multiplier: Multiplier of all widths.
        seed: Seed of initial weights and the order of the data.
        design: The space's design, with the network at that width.
    """

    multiplier: float
    seed: int
    design: Design


def widened(table: Table, trainings: int) -> list[Widened]:
    """Return the trainings that `sasa-nas where --widths` adds to a run of the table's space, in its order.

    Args:
        table: The table.
        trainings: Number of trainings.

    Raises:
        UserError: If the space has no all-convolution network, or too few widths differ.
    """
    plan = replay_plan(table, SearchSettings(widths=trainings))
    designs = ArmDesigns(plan, list)
    found = []
    for place in range(trainings):
        choices, request = designs.next(Arm.WIDTH, place)
        assert request.width_multiplier is not None
        design = at_width(draw(plan, RecallChooser(choices)), request.width_multiplier)
        found.append(Widened(request.width_multiplier, request.seed, design))
    return found


def require_images(table: Table, data_dir: Path | None) -> None:
    """Check that the images at hand are as many, as large and of as many classes as those of a table.

    Args:
        table: The table.
        data_dir: Folder of data sets; if None, the default one.

    Raises:
        UserError: If they are not, or there are none.
    """
    splits, info, network = load_proxy(_proxy(table), data_dir), table.info, table.rows[0].architecture
    facts = splits.info
    found = (len(splits.train), len(splits.validation), facts.height, facts.width, facts.num_classes)
    image = network.image
    wanted = (info.train_images, info.validation_images, image.height, image.width, network.num_classes)
    if found != wanted:
        raise UserError(
            f"{info.dataset}: images to train and to validate, height, width and classes are {found}, those of the "
            f"table {wanted}: these are not the images that the table was made with"
        )


def open_journal(path: Path, table: Table, wanted: Sequence[Widened]) -> Journal:
    """Return the journal of trainings that have ended; made where there is none.

    Raises:
        UserError: If the file holds the trainings of another table, or of other seeds.
        OSError: If it cannot be read or written.
    """
    return Journal(path, TableTask(space=table.info.space, seeds=tuple(one.seed for one in wanted), device="cpu"))


def train(
    wanted: Sequence[Widened], table: Table, journal: Journal, data_dir: Path | None, *, workers: int
) -> list[Curve]:
    """Train what the journal does not hold yet, on the CPU.

    Args:
        wanted: All trainings.
        table: The table, whose recipe and data they share.
        journal: Journal to which each is added when it has ended.
        data_dir: Folder of data sets; if None, the default one.
        workers: Number of processes, of one thread each.

    Returns:
        The courses, in the order of `wanted`.

    Raises:
        UserError: If the data are missing.
    """
    names = [(one.design.architecture.id, one.seed) for one in wanted]
    pairs = zip(wanted, names, strict=True)
    left = [Job(one.design.architecture, one.seed) for one, name in pairs if name not in journal.curves]
    for curve in train_all(left, _proxy(table), data_dir, device="cpu", workers=workers):
        journal.add(curve)
        print(
            f"{len(journal.curves)}/{len(wanted)}: seed {curve.seed}, {100 * curve.accuracy[-1]:.2f} %, "
            f"{curve.seconds:.0f} s",
            flush=True,
        )
    return [journal.curves[name] for name in names]


def _proxy(table: Table) -> Proxy:
    return validate_space(table.info.space, "the table's space").proxy
