"""What the process logs, in Triton's words; who writes the log is told of changes."""

from collections.abc import Callable, Mapping

from registry.errors import FieldInvalid
from serving.errors import NotOffered

LogValue = bool | int | str

_LEVELS = ("info", "warning", "error")
_FIXED: dict[str, LogValue] = {"log_file": "", "log_format": "ISO8601"}
_VERBOSE = "log_verbose_level"
_UINT32_MAX = 2**32 - 1


class LogSettings:
    """Which levels are logged: each by itself, and details from a verbose level of 1.

    Args:
        level: The lowest level at first: debug, info, warning or error.
        apply: Is given the names of the levels that are on, after each change.
    """

    def __init__(self, level: str, apply: Callable[[frozenset[str]], None]) -> None:
        self._apply = apply
        lowest = ("debug", *_LEVELS).index(level)
        self._values: dict[str, LogValue] = {
            f"log_{name}": rank >= lowest for rank, name in enumerate(_LEVELS, 1)
        }
        self._values[_VERBOSE] = 1 if level == "debug" else 0

    def read(self) -> dict[str, LogValue]:
        """Tell every setting."""
        return _FIXED | self._values

    def change(self, values: Mapping[str, LogValue]) -> None:
        """Change settings until the process ends: all of them, or none if one is wrong.

        Raises:
            FieldInvalid: A setting is unknown, or its value has another type.
            NotOffered: It can't change while the server runs.
        """
        for name, value in values.items():
            self._check(name, value)
        self._values.update({n: v for n, v in values.items() if n not in _FIXED})
        on = {name for name in _LEVELS if self._values[f"log_{name}"]}
        if self._values[_VERBOSE]:
            on.add("debug")
        self._apply(frozenset(on))

    def _check(self, name: str, value: LogValue) -> None:
        path = f'settings["{name[:80]}"]'
        if name in _FIXED:
            if value != _FIXED[name]:
                raise NotOffered(f"{path} can't be changed while the server runs", field=path)
            return
        if name not in self._values:
            known = ", ".join(map(repr, self.read()))
            raise FieldInvalid(f"{path} is unknown; there are {known}", field=path)
        wanted = type(self._values[name])
        if type(value) is not wanted:
            kind = "bool_param" if wanted is bool else "uint32_param"
            raise FieldInvalid(f"{path} must be a {kind}", field=path)
