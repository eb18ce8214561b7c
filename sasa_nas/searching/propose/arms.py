"""Numbers of trainings of each arm of a run, and the arm of the next one."""

from collections.abc import Mapping

from sasa_nas.run import Arm, SearchSettings
from sasa_nas.searching.propose.balanced import REPLICATES


class ArmSchedule:
    """Shares out trainings between the search's sampler and designs in balance.

    The all-convolution network at other widths comes after them, and what settles the front last.

    Trainings that are requested by name do not count.

    Args:
        settings: Settings of the search.
        started: Trainings of each arm that have begun; looked up whenever something is asked.
        searching: Whether the search itself goes on; if not, only balanced trainings that are due are left.
    """

    def __init__(self, settings: SearchSettings, started: Mapping[Arm, int], *, searching: bool) -> None:
        self._settings = settings
        self._started = started
        self._searching = searching

    @property
    def share(self) -> int:
        """The search's own trainings in balance; a design with half its seeds is of little use."""
        share = int(self._settings.balanced * self._settings.trials)
        return share - share % REPLICATES

    def next_arm(self, *, exhausted: bool) -> Arm | None:
        """Return the arm whose training is to be proposed next; None if there are enough.

        Args:
            exhausted: Whether the sampler has no new design.
        """
        balanced = self._started[self._settings.balanced_arm]
        if self._left > 0:
            if self._is_due(balanced) or (exhausted and balanced < self.share + self._settings.more_balanced):
                return self._settings.balanced_arm
            if self._searching and not exhausted:
                return Arm.SEARCH
        if self._unwidened > 0:
            return Arm.WIDTH
        return Arm.SETTLE if self._unsettled > 0 else None

    @property
    def planned(self) -> int:
        """Trainings of the run, requested ones that have begun among them, once no arm is next."""
        begun = self._started[self._settings.balanced_arm]
        # those on top are all due, and in a search that is all in balance the others, too: there may be billions
        balanced = max(begun, self._settings.more_balanced)
        if self._settings.balanced == 1.0:
            balanced = max(balanced, self._settings.more_balanced + self.share)
        while self._is_due(balanced):
            balanced += 1
        left = self._left if self._searching else balanced - begun
        return sum(self._started[arm] for arm in Arm) + sum(max(0, n) for n in (left, self._unwidened, self._unsettled))

    @property
    def _unwidened(self) -> int:
        return self._settings.widths - self._started[Arm.WIDTH]

    @property
    def _unsettled(self) -> int:
        return self._settings.settle - self._started[Arm.SETTLE]

    @property
    def _left(self) -> int:
        wanted = self._settings.trials + self._settings.more_balanced
        return wanted - self._started[Arm.SEARCH] - self._started[self._settings.balanced_arm]

    def _is_due(self, balanced: int) -> bool:
        """Return whether, after so many trainings in balance, one more is needed to keep the share at every time.

        Those on top of the share come first.
        """
        own = balanced - self._settings.more_balanced
        due = own + 1 <= self._settings.balanced * (self._started[Arm.SEARCH] + own + 1)
        return own < self.share and (own < 0 or due)
