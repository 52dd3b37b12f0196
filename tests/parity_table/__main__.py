"""Writes docs/parity-table.md from fits of every combination: python -m tests.parity_table."""

import sys
from collections import Counter

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it has no types

from tests.parity_table.cases import ALL, KINDS, Combination
from tests.parity_table.cover import find_refusals
from tests.parity_table.page import FAILED, PAGE, Total, mark, write_page
from tests.parity_table.proof import prove


def main() -> int:
    """Fit, compare, and write the page; fails if a combination does."""
    marks: dict[Combination, str] = {}
    fits, rows, ties = Counter[str](), Counter[str](), Counter[str]()
    with threadpool_limits(1):
        for combination in ALL:
            if combination in find_refusals():
                continue
            proof = prove(combination, on_all_rows=True)
            marks[combination] = mark(proof)
            fits[combination.kind] += 1
            rows[combination.kind] += proof.rows
            ties[combination.kind] += proof.excused
            if marks[combination] == FAILED:
                print(*combination, proof, sep=" / ", flush=True)
    totals = {kind: Total(fits[kind], rows[kind], ties[kind]) for kind in KINDS}
    PAGE.write_text(write_page(marks, totals))
    print(f"{len(marks)} combinations fitted and compared, {len(find_refusals())} refused")
    return FAILED in marks.values()


if __name__ == "__main__":
    sys.exit(main())
