"""Plan of a search, checked before anything is written or started."""

import random
from collections.abc import Container, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from pydantic import ValidationError

from sasa_nas.cost import Counts, count_network
from sasa_nas.cost.limits import excess_of
from sasa_nas.cost.memory import training_memory
from sasa_nas.data.folders import absolute_name
from sasa_nas.data.registry import dataset_info, load_for_search
from sasa_nas.data.splits import DatasetInfo
from sasa_nas.errors import UserError, one_line
from sasa_nas.objectives import OBJECTIVES
from sasa_nas.run import SearchSettings
from sasa_nas.searching.observer import SearchObserver
from sasa_nas.searching.sampler_choice import SamplerChoice, choose_sampler
from sasa_nas.space import Architecture, Image, Infeasible, Proxy, SearchSpace, proxy_of
from sasa_nas.space.choosers import Chooser, Label, LatinHypercubeChooser, RandomChooser, RecordingChooser
from sasa_nas.space.sampling import Walker
from sasa_nas.space.validation_errors import space_error
from sasa_nas.synthetic import is_synthetic

DESIGNED = [row.name for row in OBJECTIVES.values() if row.known == "with_design"]
"""Objectives that a `Design` has as attributes."""
PROBES = 300
"""Random draws after which a space is said to hold no design within its limits."""


@dataclass(frozen=True)
class SearchPlan:
    """A space, a data set that is at hand, and how to search; at least one design is within the limits."""

    space: SearchSpace
    settings: SearchSettings
    data: DatasetInfo
    standardisation: tuple[tuple[float, ...], tuple[float, ...]]
    """Mean and standard deviation of each channel of the train part, in the data set's own pixel unit; empty where it
    was not read."""

    @cached_property
    def walker(self) -> Walker:
        """Walker that draws designs out of the space."""
        return Walker(self.space)

    @cached_property
    def sampler(self) -> SamplerChoice:
        """The sampler, which the settings need not name.

        Raises:
            UserError: If they name one that cannot have an objective or a limit.
        """
        return choose_sampler(self.settings, self.space)

    @property
    def recorded_settings(self) -> SearchSettings:
        """The settings as a run records them, with the sampler by its name, so that a resume goes on with it."""
        return self.settings.model_copy(update={"sampler": self.sampler.name})

    @property
    def sent_proxy(self) -> Proxy:
        """The proxy as it is sent to workers, who may have another home folder."""
        proxy = self.space.proxy
        return proxy.model_copy(update={"dataset": absolute_name(proxy.dataset)})


@dataclass(frozen=True)
class Design:
    """One draw from a space: the full-size design, the network that stands in for it, and its cost."""

    full_size: Architecture
    architecture: Architecture
    counts: Counts
    batch_size: int
    """Batch size of the proxy's recipe."""

    @property
    def flops(self) -> int:
        """Floating-point operations of one image."""
        return self.counts.flops()

    @property
    def params(self) -> int:
        """Number of parameters."""
        return self.counts.params

    @cached_property
    def memory(self) -> int:
        """Bytes that a training step with a whole batch keeps; counted when first asked for."""
        return training_memory(self.architecture).of_batch(self.batch_size)


class OverLimit(Infeasible):
    """A design beyond a limit; `excess` says by what share."""

    def __init__(self, message: str, design: Design, excess: float) -> None:
        super().__init__(message)
        self.design = design
        self.excess = excess


def plan_search(space: SearchSpace, settings: SearchSettings, observer: SearchObserver | None = None) -> SearchPlan:
    """Check that a search can be: find a first design within the limits, then read the data set once.

    Args:
        space: Space to search.
        settings: Settings of the search.
        observer: Observer of the decoding of images; None for none.

    Raises:
        UserError: As `plan_designs`, or if the data set is missing or has too few images.
    """
    plan = plan_designs(space, settings)
    proxy = plan.space.proxy
    if is_synthetic(proxy.dataset):
        return plan
    splits = load_for_search(
        proxy.dataset,
        data_dir=settings.data_dir,
        image_size=proxy.image_size,
        train_images=proxy.train_images,
        progress=observer.decoding if observer else None,
    )
    return replace(plan, standardisation=splits.standardisation.per_channel())


def plan_designs(space: SearchSpace, settings: SearchSettings) -> SearchPlan:
    """Check that a space holds a design within its limits, without reading the data set; nothing can be trained by it.

    Raises:
        UserError: If the data set is unknown, there is no such folder, no design is within the limits, or the sampler
            cannot have an objective or a limit.
    """
    proxy = space.proxy
    info = dataset_info(proxy.dataset, settings.data_dir, proxy.image_size)
    # a folder's name is made absolute, so that workers and a later resume read the same one
    space = space.model_copy(update={"proxy": proxy.model_copy(update={"dataset": info.name})})
    plan = SearchPlan(space, settings, info, ((), ()))
    choose_sampler(settings, space)  # which refuses one that the search cannot have
    if is_synthetic(proxy.dataset):
        refuse_measuring(plan, "a synthetic task")
        if proxy.train_images is not None:
            raise UserError("a synthetic task has no images to train on: leave out train_images")
    _check_feasible(plan)
    return plan


def refuse_measuring(plan: SearchPlan, what: str) -> None:
    """Raise where something is wished for that only a worker can measure.

    Args:
        plan: Plan of a search without workers.
        what: Noun phrase for what is searched, for the message.

    Raises:
        UserError: If an objective, a limit, a score or a supernet needs a network.
    """
    settings = plan.settings
    wished = [name for name in settings.objectives if OBJECTIVES[name].measured_by is not None]
    if plan.space.limits.max_latency is not None:
        wished.append("latency")
    if settings.one_shot:
        raise UserError(f"{what} has no images for a supernet: leave out one_shot")
    if wished or settings.scores or settings.score_filter:
        raise UserError(f"{what} has no networks to measure: leave out {wished[0] if wished else 'scores'}")


def draw(plan: SearchPlan, chooser: Chooser) -> Design:
    """One design within the space's limits, its choices made by `chooser`.

    Raises:
        Infeasible: If its parts do not fit together.
        OverLimit: If it is beyond one of the space's limits.
    """
    design = drawn(plan, chooser)
    _check_limits(plan, design)
    return design


def drawn(plan: SearchPlan, chooser: Chooser) -> Design:
    """One design, within the space's limits or not, its choices made by `chooser`.

    Raises:
        Infeasible: If its parts do not fit together.
    """
    full_size = plan.walker.sample(chooser)
    image = Image(channels=plan.data.channels, height=plan.data.height, width=plan.data.width)
    try:
        architecture = proxy_of(full_size, plan.space.proxy, image, plan.data.num_classes)
    except ValidationError as error:
        raise Infeasible(one_line(space_error("at the proxy's size", error))) from error
    return Design(full_size, architecture, count_network(architecture).total, plan.space.proxy.recipe.batch_size)


def _check_limits(plan: SearchPlan, design: Design) -> None:
    found = excess_of(plan.space.limits, design.counts, lambda: design.memory)
    if found is not None:
        beyond = f"{found.value:,} {found.name} exceed max_{found.name}={found.most:,}"
        raise OverLimit(beyond, design, found.share)


def _limits(space: SearchSpace) -> dict[str, float]:
    """Return the limits on what a design tells without a network, by objective."""
    found = {name: getattr(space.limits, f"max_{name}") for name in DESIGNED}
    return {name: most for name, most in found.items() if most is not None}


def dry_run(plan: SearchPlan, designs: int) -> Iterator[Design]:
    """Draws `designs` designs that a search could train, in balance over the space's options.

    A small space repeats itself; a design that is infeasible or beyond a limit never comes out.

    Raises:
        UserError: If there is a limit that only the worker which is to train a design can measure.
    """
    most = plan.space.limits.max_latency
    if most is not None:
        raise UserError(
            f"a dry run counts and measures nothing, so it cannot keep max_latency={most:g}: leave that limit out"
        )
    return _balanced_draws(plan, designs)


def _balanced_draws(plan: SearchPlan, designs: int) -> Iterator[Design]:
    chooser = LatinHypercubeChooser(random.Random(plan.settings.seed))
    drawn = 0
    while drawn < designs:
        try:
            design = draw(plan, chooser)
        except Infeasible:
            continue
        drawn += 1
        yield design


def find_new(
    plan: SearchPlan, seen: Container[str], generator: random.Random, draws: int = PROBES
) -> dict[str, Label] | None:
    """Return the choices of a random feasible design whose id is not in `seen`; None if `draws` draws find none."""
    for _ in range(draws):
        chooser = RecordingChooser(RandomChooser(generator))
        try:
            design = draw(plan, chooser)
        except Infeasible:
            continue
        if design.architecture.id not in seen:
            return chooser.answers
    return None


def _check_feasible(plan: SearchPlan) -> None:
    """Raise unless a random draw is feasible; the error names the limit and the nearest design to it."""
    generator = random.Random(plan.settings.seed)
    nearest: OverLimit | None = None
    reason = "its parts never fit together"
    for _ in range(PROBES):
        try:
            draw(plan, RandomChooser(generator))
        except OverLimit as error:
            if nearest is None or error.excess < nearest.excess:
                nearest = error
        except Infeasible as error:
            reason = str(error)
        else:
            return
    if nearest is None:
        raise UserError(f"search space '{plan.space.name}' holds no design that can be built: {reason}")
    wanted = " and ".join(f"max_{name}={most:,}" for name, most in _limits(plan.space).items())
    counts = nearest.design.counts
    memory = "" if plan.space.limits.max_memory is None else f" and needs {nearest.design.memory:,} bytes"
    raise UserError(
        f"no architecture of '{plan.space.name}' is within {wanted}: the nearest of {PROBES} random ones has "
        f"{counts.params:,} parameters and {counts.flops():,} FLOPs{memory}; raise the limit or add smaller options"
    )
