"""The few designs of a space in which every part of its networks occurs, for a supernet of the whole space."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice, product

from pydantic import ValidationError

from sasa_nas.blocks.plans import Plan
from sasa_nas.errors import UserError
from sasa_nas.models.plans import plan_network
from sasa_nas.space import Architecture, Image, Infeasible, SearchSpace, proxy_of, size
from sasa_nas.space.choosers import Chooser, Label, RecallChooser
from sasa_nas.space.enumeration import every_answer
from sasa_nas.space.sampling import Walker, has_forks

LARGEST = 4096
"""Most options of a stage: each is a module of its own in every block."""
_COMPLETIONS = 64
"""Most ways to complete the beginning of a design that are tried, before it is said not to fit."""

Answers = Mapping[str, Label]
"""Choices by the names of their forks."""


@dataclass(frozen=True)
class Cover:
    """Parts of a supernet of a space.

    Attributes:
        designs: Networks at the proxy's size, in which every part of every network of the space occurs.
        operators: For each stage, the choices of each of its operators that fits.
    """

    designs: tuple[Architecture, ...]
    operators: tuple[tuple[Answers, ...], ...]


class Proxies:
    """The networks of a space as its proxy trains them.

    Args:
        space: The space.
        image: Images of the data set.
        num_classes: Its number of classes.
    """

    def __init__(self, space: SearchSpace, image: Image, num_classes: int) -> None:
        self.space, self.image, self.num_classes = space, image, num_classes
        self._walker = Walker(space)

    def draw(self, chooser: Chooser) -> Architecture | None:
        """Return the network that a chooser decides on; None if its parts do not fit together."""
        try:
            return proxy_of(self._walker.sample(chooser), self.space.proxy, self.image, self.num_classes)
        except (Infeasible, ValidationError):
            return None


def cover(proxies: Proxies) -> Cover:
    """Return designs with every part of the networks of a space, found stage by stage.

    A stage's part depends on its own options, and on what comes before it through channels and size of the map alone.

    Raises:
        UserError: If the space is none for a supernet; the message names the fork.
    """
    space = proxies.space
    require_choices_of_operators(space)
    options = [list(every_answer(stage, f"stages[{i}]")) for i, stage in enumerate(space.stages)]
    designs: dict[str, Architecture] = {}
    fitting: list[dict[tuple[tuple[str, Label], ...], Answers]] = [{} for _ in options]
    beginnings: list[Answers] = list(every_answer(space.stem, "stem"))
    for i, stage in enumerate(options):
        behind: dict[tuple[int, tuple[int, int]], Answers] = {}
        for beginning, option in product(beginnings, stage):
            answers = {**beginning, **option}
            design = _completed(proxies, answers, options[i + 1 :])
            if design is None:
                continue
            designs.setdefault(design.id, design)
            operator = {name: label for name, label in option.items() if _is_of_operator(name, i)}
            fitting[i].setdefault(tuple(operator.items()), operator)
            last: Plan = plan_network(design).stages[i][-1]
            behind.setdefault((last.out_channels, last.out_size), answers)
        beginnings = list(behind.values())
    return Cover(tuple(designs.values()), tuple(tuple(stage.values()) for stage in fitting))


def _completed(proxies: Proxies, answers: Answers, rest: Sequence[Sequence[Answers]]) -> Architecture | None:
    """Return a design that begins with these choices; None if none is found that fits."""
    for completion in islice(product(*rest), _COMPLETIONS):
        whole = dict(chain(answers.items(), *(option.items() for option in completion)))
        found = proxies.draw(RecallChooser(whole))
        if found is not None:
            return found
    return None


def _is_of_operator(name: str, stage: int) -> bool:
    path = f"stages[{stage}].operator"
    return name == path or name.startswith(f"{path}.")


def require_choices_of_operators(space: SearchSpace) -> None:
    """Check that a supernet can hold a space.

    Raises:
        UserError: If no stage chooses its operator, a stage has too many options, or something is chosen that changes
            more than one stage: the kind of blocks, the shortcut, a stride, the stages themselves or the last layers.
    """
    fixed = [name for name in Architecture.model_fields if name not in ("stem", "stages")]
    chosen = [name for name in fixed if has_forks(getattr(space, name))]
    if not isinstance(space.stages, tuple):
        raise UserError(f"space '{space.name}' chooses among lists of stages, which a supernet cannot; write one list")
    chosen += [f"stages[{i}].stride" for i, stage in enumerate(space.stages) if has_forks(stage.stride)]
    if chosen:
        raise UserError(f"space '{space.name}' chooses {chosen[0]}, which a supernet cannot; fix it to one value")
    if not any(has_forks(stage.operator) for stage in space.stages):
        raise UserError(f"no stage of space '{space.name}' chooses its operator: a supernet has nothing to compare")
    for i, stage in enumerate(space.stages):
        if size(stage) > LARGEST:
            raise UserError(
                f"stages[{i}] of space '{space.name}' has {size(stage):,} options, each a module of its own; "
                f"a supernet takes at most {LARGEST:,}"
            )
