"""The page of parity: text, a table for each kind of task, and why cells are refused."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from string import ascii_lowercase

from tests.parity_table.cases import KINDS, STEPS, Combination
from tests.parity_table.cover import choose_all, find_refusals
from tests.parity_table.proof import Proof
from training.catalog import TRAINERS
from training.errors import StepNotExportable
from training.feature_checks import REFUSED_STEPS, check_features
from training.feature_steps import FeatureColumn, NumericSteps
from training.findings import Finding

PAGE = Path(__file__).resolve().parents[2] / "docs" / "parity-table.md"
FAILED = "no"
"""The mark of a combination that is neither exact nor refused; the page has none."""

_HEAD = """\
# Trainers, feature steps and kinds of tasks

Every trainer with every feature step for every kind of task: {fits} combinations are fitted on one
small table (numbers, whole numbers, booleans, categories, times and texts, nearly all with missing
values, many not of ASCII), exported as one ONNX graph and compared with their pipeline; {refused}
are refused by `ValidateTrainingJob` and `CreateTrainingJob` before any training. There is nothing
between the two.

`make parity-table` fits all of them, compares on all rows that a job compares on (holdout,
training and edge rows, and batches of 1 to 1,000), and writes this page. `make test` fits those in
**bold** anew, in which every trainer meets every step and kind, and every step every kind; compares
on some rows of every set; asks of every cell whether it is refused, and why; and holds this page to
what it finds.

A number is the largest difference of a probability, or of a value in standard deviations of its
target, beyond the distance between neighbouring FP32 numbers, in which answers are given: `0` is
equal to the last digit. What no graph could do better is no difference, by the rules of every
job's report: where a label differs, the two best classes are as good as equal, and rounding decides
between them, how often is told above each table; and where extreme numbers cancel out, the
pipeline's own answer hangs on the last digits of FP64, and the graph's may be as far off as that.
A letter is why the combination is refused.
"""
_REFUSED_HEAD = """
## Refused for every trainer and kind

| step | why it has no exact graph | in its place |
|---|---|---|
"""
_LINE = re.compile(r"^([\d,]+) combinations, ([\d,]+) rows compared, ([\d,]+) ties", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Total:
    """How much was compared for one kind of task.

    Attributes:
        fits: Combinations.
        rows: Rows of all of them.
        ties: Rows whose two best classes are as good as equal, and whose labels differ.
    """

    fits: int
    rows: int
    ties: int


def mark(proof: Proof) -> str:
    """Write what was found of a combination."""
    if not proof.is_exact:
        return FAILED
    return f"{proof.difference:.0e}" if proof.difference else "0"


def write_page(marks: Mapping[Combination, str], totals: Mapping[str, Total]) -> str:
    """Write the page.

    Args:
        marks: What was found of every combination that is not refused.
        totals: How much was compared, by kind.
    """
    letters = _name_refusals()
    lines = [_HEAD.format(fits=f"{len(marks):,}", refused=f"{len(find_refusals()):,}")]
    for kind in KINDS:
        total = totals[kind]
        lines.append(
            f"\n## {kind[0].upper()}{kind[1:]}\n\n"
            f"{total.fits:,} combinations, {total.rows:,} rows compared,"
            f" {total.ties:,} ties decided otherwise.\n\n"
        )
        lines += _write_table(kind, marks, letters)
    lines.append("\n## Why combinations are refused\n\n")
    lines += [f"- {letter}: {reason}.\n" for reason, letter in letters.items()]
    return "".join([*lines, _REFUSED_HEAD, *_list_refused_steps()])


def _name_refusals() -> dict[str, str]:
    """Give every reason a letter, in the order of the table."""
    reasons = dict.fromkeys(describe(finding) for finding in find_refusals().values())
    return dict(zip(reasons, ascii_lowercase, strict=False))


def describe(finding: Finding) -> str:
    """Say why something is refused and what to write in its place."""
    if not finding.replacement or "; use " in finding.message:
        return finding.message
    return f"{finding.message}; use {finding.replacement}"


def _write_table(
    kind: str, marks: Mapping[Combination, str], letters: Mapping[str, str]
) -> Iterator[str]:
    yield f"| step | {' | '.join(TRAINERS)} |\n|---|{'---|' * len(TRAINERS)}\n"
    for step in STEPS:
        row = [Combination(kind, step, trainer) for trainer in TRAINERS]
        yield f"| {step} | {' | '.join(_write_cell(it, marks, letters) for it in row)} |\n"


def _write_cell(
    combination: Combination, marks: Mapping[Combination, str], letters: Mapping[str, str]
) -> str:
    if refusal := find_refusals().get(combination):
        return letters[describe(refusal)]
    return f"**{marks[combination]}**" if combination in choose_all() else marks[combination]


def _list_refused_steps() -> Iterator[str]:
    """Tell what is answered to every step that is known to have no graph."""
    for name in REFUSED_STEPS:
        try:
            check_features((FeatureColumn("x", numeric=NumericSteps(impute=name)),), None, {})
        except StepNotExportable as error:
            why = error.message.partition(": ")[2].partition("; use ")[0]
            # Not to scale is another thing, which can be had.
            step = "impute `none`" if name == "none" else f"`{name}`"
            yield f"| {step} | {why} | {error.details['replacement']} |\n"


def read_marks(page: str) -> dict[Combination, str]:
    """Read the cells of a page back that are not refused."""
    marks: dict[Combination, str] = {}
    sections = re.split(r"^## ", page, flags=re.MULTILINE)[1 : len(KINDS) + 1]
    for kind, section in zip(KINDS, sections, strict=True):
        for line in section.splitlines():
            step, *cells = (cell.strip() for cell in line.strip("|").split(" | "))
            if step not in STEPS:
                continue
            for trainer, cell in zip(TRAINERS, cells, strict=True):
                if not cell.isalpha() or cell == FAILED:
                    marks[Combination(kind, step, trainer)] = cell.strip("*")
    return marks


def read_totals(page: str) -> dict[str, Total]:
    """Read the lines back that say how much was compared."""
    numbers = [[int(it.replace(",", "")) for it in found] for found in _LINE.findall(page)]
    return {kind: Total(*found) for kind, found in zip(KINDS, numbers, strict=True)}
