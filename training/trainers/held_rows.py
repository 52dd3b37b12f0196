"""A bound on models that hold training rows."""

from training.onnx_graph import Array
from training.refusal import FitRefused

# 32 MB of the file, and as much work for every row that is served.
MAX_CELLS = 4_000_000


def check_held_rows(rows: Array) -> None:
    """Check that a model may hold these rows [rows, columns].

    Raises:
        FitRefused: They have too many cells.
    """
    if rows.size > MAX_CELLS:
        count, width = rows.shape
        raise FitRefused(
            "TABLE_TOO_LARGE",
            f"the model would hold {count} training rows of {width} columns, one-hot categories"
            f" among them; at most {MAX_CELLS} cells are held: leave out features, or choose"
            " gradient-boosting",
        )
