"""Why a fit can't be made from what was asked: the user's to mend, never a failure of ours."""

from registry.reports import Fault


class FitRefused(Exception):
    """The fit can't be made.

    Args:
        reason: A word for programs.
        message: A sentence for people that says what to do.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.fault = Fault(reason, message)
