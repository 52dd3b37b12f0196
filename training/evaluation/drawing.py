"""Draws figures: one look, the same bytes for the same numbers, and labels that can do no harm.

Colours are those of Okabe and Ito, which people tell apart whatever they see of red and green;
nothing is told by colour alone. Fonts come with matplotlib, and nothing of the machine's own
settings is read.
"""

import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, PURPLE = "#0072b2", "#d55e00", "#009e73", "#cc79a7"
PALETTE = (BLUE, ORANGE, GREEN, PURPLE, "#e69f00", "#56b4e9", "#000000", "#8c8c8c")
DASHES = ("-", "--", "-.", ":")
GREY, PALE = "#595959", "#d9d9d9"

_DOTS_PER_INCH = 110
_LONGEST_LABEL = 24
# Any, as matplotlib's types know each setting by its name.
_STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.titlesize": 12,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.labelcolor": "#262626",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": PALE,
    "grid.linewidth": 0.6,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "legend.frameon": False,
    # A column's name may hold dollars, which would be read as a formula.
    "text.parse_math": False,
}


def draw(title: str, paint: Callable[[Axes], None], height: float = 4.2) -> bytes:
    """Draw one figure.

    Args:
        title: Stands above it.
        paint: Puts everything else onto the axes.
        height: In inches; the width is 6.4.

    Returns:
        A PNG without a date.
    """
    with _styled():
        figure = Figure(figsize=(6.4, height), dpi=_DOTS_PER_INCH, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        axes.set_title(title, pad=10)
        paint(axes)
        output = io.BytesIO()
        figure.savefig(output, format="png", metadata={"Software": None})
    return output.getvalue()


def shorten(text: str) -> str:
    """Make a label of any text: printable, short and on one line."""
    clean = "".join(char if char.isprintable() else " " for char in text[:200]).strip()
    if len(clean) > _LONGEST_LABEL:
        clean = clean[: _LONGEST_LABEL - 1] + "…"
    # A label that begins with an underscore is left out of legends.
    return f" {clean}" if clean.startswith("_") else clean or "(empty)"


@contextmanager
def _styled() -> Iterator[None]:
    with mpl.rc_context(), warnings.catch_warnings():
        # The font lacks some scripts; their letters are drawn as boxes.
        warnings.filterwarnings("ignore", message="Glyph", category=UserWarning)
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        yield
