"""How much of what does no work is borne from one peer."""

from server.express.frames import ENHANCE_YOUR_CALM, ConnectionFault
from server.express.limits import Limits


class Patience:
    """Counts frames that do no work against calls that were answered.

    Args:
        limits: How many are borne.

    Attributes:
        answered: Calls answered since patience last ran out; each makes up for one frame.
    """

    __slots__ = ("_left", "_most", "answered")

    def __init__(self, limits: Limits) -> None:
        self._most = self._left = limits.patience
        self.answered = 0

    def spend(self, cost: int) -> None:
        """Take note of a frame that does no work.

        Raises:
            ConnectionFault: There were too many of them for the work that was done.
        """
        self._left -= cost
        if self._left > 0:
            return
        self._left += min(self.answered, self._most)
        self.answered = 0
        if self._left <= 0:
            raise ConnectionFault(ENHANCE_YOUR_CALM, "patience")

    def restore(self, amount: int) -> None:
        """Bear more again, because time has passed."""
        self._left = min(self._left + amount, self._most)
