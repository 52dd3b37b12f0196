"""Names of a typed service: of its package, and of a field for each column."""

import re
import unicodedata
from collections.abc import Iterable

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OTHERS = re.compile(r"[^a-z0-9]+")
METHODS = ("Predict", "BatchPredict", "PredictStream")
# What a caller writes beside columns, and what answers carry beside outputs.
OWN_NAMES = frozenset({"explain", "model_version", "warnings", "ProbabilitiesEntry"})
MESSAGE_NAMES = frozenset(
    {f"{method}{part}" for method in METHODS for part in ("Request", "Response")}
    | {"ClassProbabilities", "Warning"}
)


def package_of(model_id: str, major: int) -> str:
    """Name the package: ids have no underscore, so two models never share one."""
    return f"models.{model_id.replace('-', '_')}.v{major}"


def service_of(model_id: str, major: int) -> str:
    """Name the service in full, such as `models.penguins.v1.Penguins`."""
    return f"{package_of(model_id, major)}.{short_service_of(model_id)}"


def short_service_of(model_id: str) -> str:
    """Name the service inside of its package, such as `Penguins`."""
    name = "".join(word[:1].upper() + word[1:] for word in model_id.split("-"))
    return f"{name}Service" if name in MESSAGE_NAMES else name


def file_of(model_id: str, major: int) -> str:
    """Name the .proto file, in the folder that its package asks for."""
    folder = package_of(model_id, major).replace(".", "/")
    return f"{folder}/{'_'.join(filter(None, model_id.split('-')))}.proto"


def make_field_name(name: str, number: int) -> str:
    """Turn the name of a column or an output into one that protobuf takes.

    Args:
        name: Any text. An identifier stays as it is.
        number: The field's number, for texts without a letter or digit of ASCII.
    """
    if _IDENTIFIER.fullmatch(name):
        return f"column_{name}" if name in OWN_NAMES else name
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    words = _OTHERS.sub("_", plain).strip("_")
    if not words:
        return f"column_{number}"
    return f"column_{words}" if words[0].isdigit() or words in OWN_NAMES else words


def json_name_of(name: str, field_name: str) -> str:
    """Name a field in JSON: by the column's own name where the field can't have it.

    Args:
        name: The column's name.
        field_name: What `make_field_name` made of it.
    """
    # Brackets are kept for extensions; names of ours mean ours.
    keeps_own = name != field_name and name.isprintable() and not name.startswith("[")
    return name if keeps_own and name and name not in OWN_NAMES else default_json_name(field_name)


def default_json_name(field_name: str) -> str:
    """Name a field in JSON as protoc does unless it is told otherwise."""
    first, *rest = field_name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest)


def find_collision(fields: Iterable[tuple[str, str]]) -> tuple[str, str] | None:
    """Find two columns of which a caller could mean either by one name.

    Args:
        fields: Pairs of a column's name and its field's.
    """
    owners = dict.fromkeys(OWN_NAMES, "") | {"modelVersion": ""}
    for name, field_name in fields:
        spellings = {field_name, default_json_name(field_name), json_name_of(name, field_name)}
        for spelling in spellings:
            if owners.setdefault(spelling, name) != name:
                return owners[spelling], name
    return None
