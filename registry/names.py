"""Resource names and ids, read and written in one place."""

import re

from registry.errors import FieldInvalid

ID_PATTERN = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
ARTIFACT_PATTERN = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,126}[A-Za-z0-9])?")
NUMBER_PATTERN = re.compile(r"[1-9][0-9]{0,17}")
RESERVED_ALIASES = frozenset({"latest"})
LATEST = "latest"


def check_id(value: str, field: str) -> str:
    """Return an id of a caller's choice, if it is one.

    Raises:
        FieldInvalid: It does not have the form.
    """
    if not ID_PATTERN.fullmatch(value):
        raise FieldInvalid(
            f"{field} must be 1 to 63 lower-case letters, digits and hyphens, begin with a"
            f" letter and not end with a hyphen; it is {value[:80]!r}",
            field=field,
        )
    return value


def check_alias_id(value: str, field: str) -> str:
    """Return an alias's id, if it is one and not reserved.

    Raises:
        FieldInvalid: It does not have the form, or is reserved.
    """
    if value in RESERVED_ALIASES:
        raise FieldInvalid(f"the alias {value!r} is reserved; choose another name", field=field)
    return check_id(value, field)


def split_name(name: str, pattern: str, field: str) -> tuple[str, ...]:
    """Take a resource name apart.

    Args:
        name: Such as `models/penguins/versions/3`.
        pattern: Such as `models/{model}/versions/{version}`.
        field: The request's field, for the error.

    Returns:
        The parts that stand where the pattern has braces; none of them is empty.

    Raises:
        FieldInvalid: The name does not have the form.
    """
    parts, wanted = name.split("/"), pattern.split("/")
    fits = len(parts) == len(wanted) and all(
        part if want.startswith("{") else part == want
        for part, want in zip(parts, wanted, strict=True)
    )
    if not fits:
        raise FieldInvalid(
            f"{field} must have the form {pattern}; it is {name[:200]!r}", field=field
        )
    return tuple(part for part, want in zip(parts, wanted, strict=True) if want.startswith("{"))


def model_id_of(name: str, field: str) -> str:
    """Read `models/{model}`."""
    (model_id,) = split_name(name, "models/{model}", field)
    return check_id(model_id, field)


def version_of(name: str, field: str) -> tuple[str, str]:
    """Read `models/{model}/versions/{version}`; the version is a number or an alias."""
    model_id, version = split_name(name, "models/{model}/versions/{version}", field)
    if not (NUMBER_PATTERN.fullmatch(version) or ID_PATTERN.fullmatch(version)):
        raise FieldInvalid(
            f"{field} must end in a version's number or an alias; it ends in {version[:80]!r}",
            field=field,
        )
    return check_id(model_id, field), version


def numbered_version_of(name: str, field: str) -> tuple[str, int]:
    """Read `models/{model}/versions/{version}` where only a number will do."""
    model_id, version = version_of(name, field)
    if not NUMBER_PATTERN.fullmatch(version):
        raise FieldInvalid(f"{field} must end in a version's number, not an alias", field=field)
    return model_id, int(version)


def target_of(name: str, model_id: str) -> int:
    """Read the version that an alias of a model shall point to."""
    field = "model_alias.model_version"
    target_model, number = numbered_version_of(name, field)
    if target_model != model_id:
        raise FieldInvalid(
            f"an alias of {model_id!r} can't point to a version of {target_model!r}", field=field
        )
    return number


def alias_of(name: str, field: str) -> tuple[str, str]:
    """Read `models/{model}/aliases/{alias}`."""
    model_id, alias = split_name(name, "models/{model}/aliases/{alias}", field)
    return check_id(model_id, field), check_alias_id(alias, field)


def artifact_of(name: str, field: str) -> tuple[str, str, str]:
    """Read `models/{model}/versions/{version}/artifacts/{artifact}`."""
    pattern = "models/{model}/versions/{version}/artifacts/{artifact}"
    model_id, version, artifact = split_name(name, pattern, field)
    version_of(f"models/{model_id}/versions/{version}", field)
    return model_id, version, check_artifact_id(artifact, field)


def check_artifact_id(value: str, field: str) -> str:
    """Return an artifact's id, if it is one.

    Raises:
        FieldInvalid: It does not have the form.
    """
    if not ARTIFACT_PATTERN.fullmatch(value):
        raise FieldInvalid(
            f"{field} must be 1 to 128 letters, digits, dots, hyphens and underscores, and"
            f" begin and end with a letter or digit; it is {value[:80]!r}",
            field=field,
        )
    return value


def model_name(model_id: str) -> str:
    """Write a model's name."""
    return f"models/{model_id}"


def version_name(model_id: str, number: int) -> str:
    """Write a version's name."""
    return f"models/{model_id}/versions/{number}"


def alias_name(model_id: str, alias_id: str) -> str:
    """Write an alias's name."""
    return f"models/{model_id}/aliases/{alias_id}"


def artifact_name(model_id: str, number: int, artifact_id: str) -> str:
    """Write an artifact's name."""
    return f"models/{model_id}/versions/{number}/artifacts/{artifact_id}"
