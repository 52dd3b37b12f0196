"""What is measured: which model with how many rows, over how many connections and streams."""

from dataclasses import dataclass

LINEAR = "scaled-logistic"
FOREST = "random-forest"
COLUMNS = "mixed-columns"


@dataclass(frozen=True, slots=True)
class Case:
    """One load.

    Attributes:
        name: Its key in the results.
        title: Its name for people.
        payload: The request that is sent, see `payloads`.
        connections: How many connections there are.
        streams: How many calls are in flight on each.
    """

    name: str
    title: str
    payload: str
    connections: int
    streams: int


CASES = (
    Case("linear-8x8", "A, 8 x 8", "linear", 8, 8),
    Case("linear-64x1", "A, 64 x 1", "linear", 64, 1),
    Case("linear-1x1", "A, one at a time", "linear", 1, 1),
    Case("forest-8x8", "B, 8 x 8", "forest", 8, 8),
    Case("columns-8x8", "C, 8 x 8", "columns", 8, 8),
    Case("linear-100", "A, 100 rows, 8 x 8", "linear-100", 8, 8),
)
LEGEND = (
    "A: scaling and a logistic regression, 30 floats in one tensor; B: a forest of 100 trees, the"
    " same input; C: 3 texts and 8 numbers, a tensor each. One row unless said otherwise."
    " 8 x 8: 8 connections with 8 calls in flight on each."
)

EXPRESS = "modelyard-express"
GRPCIO = "modelyard-grpcio"
MINIMAL = "minimal"
MINIMAL_CHECKED = "minimal-checked"
KSERVE = "kserve"
KSERVE_TUNED = "kserve-tuned"
MLSERVER = "mlserver"

SERVERS = {
    EXPRESS: "Modelyard",
    GRPCIO: "Modelyard on grpcio",
    MINIMAL: "minimal grpcio server",
    MINIMAL_CHECKED: "the same with checks",
    KSERVE: "KServe SDK",
    KSERVE_TUNED: "KServe SDK, tuned",
    MLSERVER: "MLServer",
}
"""Every server and its name for people, in the order of the tables."""

OURS = (EXPRESS, GRPCIO)


def is_measured(server: str, case: Case) -> bool:
    """Tell whether a server takes part: checks weigh where there are many inputs to check."""
    return server != MINIMAL_CHECKED or case.payload == "columns"
