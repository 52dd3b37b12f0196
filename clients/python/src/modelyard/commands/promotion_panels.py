"""How a promotion looks to callers, told on a terminal before it is done."""

from rich.console import RenderableType
from rich.table import Table

from modelyard.commands.panels import grid
from modelyard.registry.v1.registry_pb2 import SchemaChange, ValidateSchemaChangeResponse

_OF_OUTPUTS = (
    SchemaChange.KIND_OUTPUT_ADDED,
    SchemaChange.KIND_OUTPUT_REMOVED,
    SchemaChange.KIND_OUTPUT_CHANGED,
)


def promotion_parts(change: ValidateSchemaChangeResponse, number: str) -> list[RenderableType]:
    """Show what callers would notice if a version became champion.

    Args:
        change: The server's comparison of it with the champion.
        number: The version's number.
    """
    lines = "\n".join(_typed_words(change, number))
    if not change.changes:
        return [lines]
    tensors = f"ModelInfer without a version runs version {number} at once, as it is above"
    return [changes_table(change), lines, tensors]


def changes_table(change: ValidateSchemaChangeResponse) -> Table:
    """Show what differs from the champion's typed service, one column or output a line."""
    *_, package, _ = change.current_typed_service.split(".")  # models.penguins.v1.Penguins
    return grid(
        ["", "NAME", f"BREAKS {package}", "WHAT CHANGES"],
        (
            [
                "output" if it.kind in _OF_OUTPUTS else "column",
                it.name,
                "yes" if it.breaking else "no",
                it.message,
            ]
            for it in change.changes
        ),
    )


def _typed_words(change: ValidateSchemaChangeResponse, number: str) -> list[str]:
    """Tell who answers which typed service after the move."""
    own, current = change.typed_service, change.current_typed_service
    version = f"as champion, version {number}"
    answers = f"{version} answers {own}" if own else f"{version} answers no typed service"
    if not current:
        return [answers, "no typed service is answered by a champion now: no caller is broken"]
    if change.compatible:
        return [f"{answers}, as its callers expect"]
    kept = f"callers of {current} stay with the present champion, which goes on answering them"
    return [answers, kept]
