"""What is said of inputs that don't fit: what was expected, what came, in which field."""

from collections.abc import Iterable, Mapping

from serving.elements import ElementsInvalid
from serving.errors import TensorInvalid
from serving.input_rules import InputRule

_LONGEST_LIST = 300


def list_names(names: Iterable[str]) -> str:
    """Write names for people, cut short: a status has to fit into a few kilobytes."""
    text = ", ".join(map(repr, names))
    return text if len(text) <= _LONGEST_LIST else f"{text[:_LONGEST_LIST]}..."


def refuse_name(name: str, rules: Mapping[str, InputRule]) -> TensorInvalid:
    """Refuse an input that the model does not have, or that came before."""
    problem = "is there twice" if name in rules else "is unknown"
    return TensorInvalid(
        f"input {name[:80]!r} {problem}; the model has {list_names(rules)}",
        field=f'inputs["{name[:80]}"]',
    )


def refuse_missing(seen: set[str], rules: Mapping[str, InputRule]) -> TensorInvalid:
    """Refuse a request that lacks inputs."""
    missing = [name for name in rules if name not in seen]
    return TensorInvalid(
        f"inputs are missing: {list_names(missing)}; the model needs {list_names(rules)}",
        field=f'inputs["{missing[0]}"]',
    )


def refuse_datatype(datatype: str, rule: InputRule) -> TensorInvalid:
    """Refuse an input of another type."""
    return TensorInvalid(
        f"input {rule.name!r} must be {rule.datatype}; it is {datatype[:20]!r}",
        field=f"{rule.path}.datatype",
    )


def refuse_batch(rule: InputRule, rows: int, batch: int) -> TensorInvalid:
    """Refuse an input with another number of rows than those before it."""
    return TensorInvalid(
        f"input {rule.name!r} has {rows} rows, those before it have {batch}; all must have"
        " the same number",
        field=f"{rule.path}.shape",
    )


def refuse_size(elements: int, max_elements: int) -> TensorInvalid:
    """Refuse inputs that are too large together."""
    return TensorInvalid(
        f"the inputs have {elements} elements together, more than the {max_elements} that"
        " this server takes in one call; send fewer rows at a time",
        field="inputs",
    )


def refuse_mixture(name: str) -> TensorInvalid:
    """Refuse an input with contents in a request that has raw elements."""
    return TensorInvalid(
        f"input {name!r} has contents, and the request has raw_input_contents;"
        " send all elements in one of the two",
        field=f'inputs["{name}"].contents',
    )


def refuse_elements(
    rule: InputRule, shape: list[int], path: str, error: ElementsInvalid
) -> TensorInvalid:
    """Refuse elements that are not what the type and shape ask for."""
    return TensorInvalid(
        f"{path}, the input {rule.name!r} of type {rule.datatype} and shape {shape}, {error}",
        field=path,
    )
