"""The page of trainers: text, and the table's lines."""

from dataclasses import dataclass
from pathlib import Path

from training.catalog import TRAINERS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "trainers.md"

_COLUMNS = 9

_HEAD = """\
# Trainers

Every trainer writes its own ONNX nodes in FP64, and every fit compares the graph with its
pipeline: on the holdout, on training rows, and on made-up rows (missing values, unseen and
non-ASCII categories, extreme numbers, neighbours of training values, single rows). A version
whose graph differs does not serve. `ListTrainers` and `GetTrainer` give the settings of each as
a JSON Schema. How each goes with every step of the features and every kind of task is in
[a table of its own](parity-table.md).

"""
_MIDDLE = """
What they are proved to do, with the settings that are the default; `make trainers-table` fits
them all and writes this page, `make test` holds every line to it. Rows are those compared,
differences the largest of probabilities, or in standard deviations of the target. Size and time
are of the table of penguins, one row a run, one thread; time is of a shared machine and tells
orders of magnitude.

| trainer | kind | exported | tables | rows | labels differ | difference | size | one row |
|---|---|---|---|---:|---:|---:|---:|---:|
"""
_TAIL = """
Rules where a library leaves something open, which pipeline and graph both follow:

- The label is the class of the largest probability, of equal ones the first. Support vectors of
  scikit-learn may answer otherwise; ours don't. Their probabilities are sigmoids fitted on at
  most five held-out folds, so a class must have two rows to learn from.
- Of equally far neighbours the first rows of the table answer. Rows at distance 0 answer alone
  if nearer ones count more. A model of neighbours or support vectors holds at most 20,000
  training rows and 4,000,000 cells; more are refused before anything is fitted.
- Trees get numbers as they are, never scaled: thresholds sit on training values, where a
  rounding would flip them. Trees that look at FP32 get FP32, also in the graph.
- XGBoost's leaves are added up in FP64. Its own sum, in FP32, is off in the fifth digit after
  2,000 rounds.
- Naive Bayes gives probabilities that add up to 1 also far from all training rows, where
  scikit-learn's don't.
- Support vectors, networks, XGBoost and elastic net learn the target of a regression in
  standard deviations from its mean, so that settings mean the same whatever its unit.
- The penalty of `linear-regression` stands against the sum of squares, whatever `l1_ratio` is.
"""


@dataclass(frozen=True, slots=True)
class Line:
    """What was found of one trainer on tables of one kind."""

    trainer: str
    kind: str
    exported: bool
    tables: str
    rows: int
    flips: int
    difference: float
    size: int
    microseconds: float


def write_page(lines: list[Line]) -> str:
    """Write the page."""
    return _HEAD + _list_trainers() + _MIDDLE + "".join(map(describe_line, lines)) + _TAIL


def _list_trainers() -> str:
    lines = ["| trainer | what it is | needs |\n|---|---|---|\n"]
    for trainer in TRAINERS.values():
        needs = f"`{trainer.package}`, of the extra `boost`" if trainer.package else ""
        lines.append(f"| `{trainer.id}` | {trainer.description} | {needs} |\n")
    return "".join(lines)


def describe_line(line: Line) -> str:
    """Write one line of the table."""
    difference = f"{line.difference:.0e}" if line.difference else "0"
    return (
        f"| `{line.trainer}` | {line.kind} | {'yes' if line.exported else 'no'} | {line.tables}"
        f" | {line.rows:,} | {line.flips} | {difference} | {line.size / 1000:,.0f} kB"
        f" | {line.microseconds:.0f} us |\n"
    )


def read_lines(page: str) -> list[tuple[str, ...]]:
    """Read the table's lines back: trainer, kind, whether it is exported, tables."""
    cells = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| `")]
    return [(row[0].strip("`"), *row[1:4]) for row in cells if len(row) == _COLUMNS]
