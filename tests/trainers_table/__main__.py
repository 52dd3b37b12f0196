"""Writes docs/trainers.md from fits on real tables: python -m tests.trainers_table.

Figures of size and time are of the table of penguins, with the settings that are the default.
"""

import tempfile
from itertools import groupby
from pathlib import Path

from tests.support.trainer_cases import WAYS
from tests.trainers_table.page import PAGE, Line, describe_line, write_page
from tests.trainers_table.proof import measure


def main() -> None:
    """Fit, measure, and write the page."""
    lines: list[Line] = []
    with tempfile.TemporaryDirectory() as folder:
        for (trainer, kind), ways in groupby(WAYS, key=lambda way: (way[0], way[1].kind)):
            lines.append(measure(trainer, kind, [case for _, case in ways], Path(folder)))
            print(describe_line(lines[-1]), end="", flush=True)
    PAGE.write_text(write_page(lines))


if __name__ == "__main__":
    main()
