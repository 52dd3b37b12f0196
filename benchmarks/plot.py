"""Draws the latest results of `bench` as one picture.

    python -m benchmarks.plot

Runs in an environment of its own, which has matplotlib.
"""

import json
from pathlib import Path
from statistics import median
from typing import Any

import matplotlib as mpl

mpl.use("agg")

from matplotlib import pyplot as plt

from benchmarks.cases import CASES, SERVERS

RESULTS = Path(__file__).resolve().parent / "results"
COLOURS = ("#0b6e4f", "#8ccf9f", "#4a6fa5", "#a9bcd6", "#e08e45", "#f0c08f", "#c8553d")
HEIGHT = 0.8


def draw(results: dict[str, Any], path: Path) -> None:
    """Draw results into a PNG file."""
    rates: dict[tuple[str, str], list[float]] = {}
    for cell in results["cells"]:
        rates.setdefault((cell["case"], cell["server"]), []).append(cell["calls"] / cell["seconds"])
    names = [name for name in SERVERS if any((case.name, name) in rates for case in CASES)]
    figure, axes = plt.subplots(figsize=(9, 7), layout="constrained")
    thickness = HEIGHT / len(names)
    for index, name in enumerate(names):
        found = [(n, rates.get((case.name, name))) for n, case in enumerate(CASES)]
        bars = axes.barh(
            [n + (index + 0.5) * thickness for n, each in found if each],
            [median(each) for _, each in found if each],
            thickness * 0.9,
            label=SERVERS[name],
            color=COLOURS[list(SERVERS).index(name)],
        )
        axes.bar_label(bars, fmt="{:,.0f}", padding=3, fontsize=7)
    axes.set_yticks([n + HEIGHT / 2 for n in range(len(CASES))], [c.title for c in CASES])
    axes.invert_yaxis()
    axes.set_xlabel("calls a second on one core, median of the rounds")
    machine = results["machine"]
    axes.set_title(
        f"Models served by gRPC, {machine['processor']}, {machine['date'][:10]}", fontsize=10
    )
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=3, fontsize=8, frameon=False)
    figure.savefig(path, dpi=130)


def main() -> None:
    """Draw the latest results."""
    found = sorted(RESULTS.glob("bench-*.json"))
    if not found:
        raise SystemExit("there are no results; run `make bench` first")
    path = found[-1].with_suffix(".png")
    draw(json.loads(found[-1].read_text()), path)
    print(f"written: {path}")


if __name__ == "__main__":
    main()
