"""The all-convolution network of a space: what every network that attends is compared with."""

from collections.abc import Sequence

from sasa_nas.searching.plan import Design, SearchPlan, draw
from sasa_nas.searching.propose.score_filter import Candidate
from sasa_nas.space import Infeasible
from sasa_nas.space.choosers import Label, RecordingChooser
from sasa_nas.space.searchable import Number, Range

CONVOLUTION = "conv"


class ConvolutionChooser:
    """Chooses a convolution, and no attention over channels, wherever that is an option.

    Of several convolutions, and at all other forks, the first option is taken, and of a range the lowest number.
    """

    def option(self, name: str, labels: Sequence[Label]) -> int:
        """Return the index of the first convolution, of nothing where there is none, or of the first option."""
        kinds = [label.partition("#")[0] if isinstance(label, str) else label for label in labels]
        for wanted in (CONVOLUTION, None):
            if wanted in kinds:
                return kinds.index(wanted)
        return 0

    def number(self, name: str, values: Range) -> Number:
        """Return the lowest number of the range."""
        return values.values()[0]


def baseline(plan: SearchPlan) -> Candidate | None:
    """Return the all-convolution network of a space, its other forks as `ConvolutionChooser` takes them.

    Returns:
        None if the space has none, or the one is beyond the limits.
    """
    chooser = RecordingChooser(ConvolutionChooser())
    try:
        design: Design = draw(plan, chooser)
    except Infeasible:
        return None
    return Candidate(design, chooser.answers) if design.architecture.all_convolution else None
