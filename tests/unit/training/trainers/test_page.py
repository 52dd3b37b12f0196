"""That docs/trainers.md tells of every trainer, kind and table, and of nothing else."""

from itertools import groupby

from tests.support.trainer_cases import WAYS
from tests.trainers_table.page import PAGE, Line, describe_line, read_lines, write_page
from training.catalog import TRAINERS


def test_the_page_has_a_line_for_every_trainer_and_kind_that_the_suite_proves() -> None:
    expected = [
        (trainer, kind, "yes", ", ".join(case.name for _, case in ways))
        for (trainer, kind), ways in groupby(WAYS, key=lambda way: (way[0], way[1].kind))
    ]
    assert read_lines(PAGE.read_text()) == expected
    assert {line[0] for line in expected} == set(TRAINERS)


def test_everything_else_on_the_page_is_as_it_is_written_now() -> None:
    """All but the measured lines is that of a page without any."""
    kept = [line for line in PAGE.read_text().splitlines() if not line.endswith(" us |")]
    assert kept == write_page([]).splitlines()


def test_a_line_is_read_as_it_is_written() -> None:
    line = Line("svm", "binary", exported=False, tables="a, b", rows=1000, flips=1,
                difference=0.5, size=10, microseconds=3.0)  # fmt: skip
    assert read_lines(describe_line(line)) == [("svm", "binary", "no", "a, b")]
