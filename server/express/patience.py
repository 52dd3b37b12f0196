"""How much of what does no work is borne from one peer."""

from server.express.frames import ENHANCE_YOUR_CALM, ConnectionFault
from server.express.limits import Limits

_FRAMES_BORNE = 4


class Patience:
    """Counts frames that do no work against the work that was done.

    Args:
        limits: How many are borne.

    Attributes:
        earned: Work since patience last ran out: calls answered, and frames of data that
            the peer took. Each makes up for some frames that do none: for every message,
            a client in good faith may widen two windows and measure the way there by a ping.
    """

    __slots__ = ("_left", "_most", "earned")

    def __init__(self, limits: Limits) -> None:
        self._most = self._left = limits.patience
        self.earned = 0

    def spend(self, cost: int) -> None:
        """Take note of a frame that does no work.

        Raises:
            ConnectionFault: There were too many of them for the work that was done.
        """
        self._left -= cost
        if self._left > 0:
            return
        self._left += min(self.earned * _FRAMES_BORNE, self._most)
        self.earned = 0
        if self._left <= 0:
            raise ConnectionFault(ENHANCE_YOUR_CALM, "patience")

    def restore(self, amount: int) -> None:
        """Bear more again, because time has passed."""
        self._left = min(self._left + amount, self._most)
