"""What should be served, as immutable values; nothing here knows a database."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from registry.batching import Batching
from registry.errors import AliasNotFound, FieldInvalid, ModelNotFound, VersionNotFound
from registry.input_contract import InputContract
from registry.names import ID_PATTERN
from registry.schema import ModelSchema
from registry.signature import CHAMPION, Signature
from serving.errors import ModelNotServable, NotOffered

VersionKey = tuple[str, int, str]
"""Model id, number and digest: a model made anew under an old id is another one."""

_LONGEST_NUMBER = 18


@dataclass(frozen=True, slots=True)
class ServableVersion:
    """A version that may be served.

    Attributes:
        model_id: The id of its model.
        number: Its number.
        digest: SHA-256 of the model file in hexadecimal, the file's key in the store.
        size_bytes: The size of the model file.
        signature: What goes in and comes out.
        classes: What a classifier tells apart, in the order of its probabilities.
        memory_bytes: What it takes once loaded.
        golden_digest: SHA-256 of its golden rows in hexadecimal; empty if it has none.
        onnxruntime_version: What it was checked with; empty if that is not known.
    """

    model_id: str
    number: int
    digest: str
    size_bytes: int
    signature: Signature
    classes: tuple[str, ...] = ()
    memory_bytes: int = 0
    golden_digest: str = ""
    onnxruntime_version: str = ""

    @property
    def key(self) -> VersionKey:
        """What tells this version from every other."""
        return self.model_id, self.number, self.digest

    def __str__(self) -> str:
        """Name it for people."""
        return f"version {self.number} of model {self.model_id!r}"


@dataclass(frozen=True, slots=True)
class ServableSchema:
    """A typed service of a model.

    Attributes:
        schema: What it takes and gives.
        number: The version that answers.
    """

    schema: ModelSchema
    number: int


@dataclass(frozen=True, slots=True)
class ServableModel:
    """A model as far as serving goes.

    Attributes:
        versions: Every ACTIVE version by number.
        aliases: Alias to number.
        batching: How its requests are joined; None joins none.
        is_unloaded: Whether somebody unloaded it from this server; then the rest is empty.
        schemas: Its typed services by the number in their packages' names.
        input_contract: How strictly those hold input to what training saw.
    """

    versions: Mapping[int, ServableVersion]
    aliases: Mapping[str, int]
    batching: Batching | None = None
    is_unloaded: bool = False
    schemas: Mapping[int, ServableSchema] = field(default_factory=lambda: MappingProxyType({}))
    input_contract: InputContract = InputContract.EXPLAIN

    def named_numbers(self) -> set[int]:
        """Tell the numbers that an alias or a typed service points to."""
        return {*self.aliases.values(), *(schema.number for schema in self.schemas.values())}

    def aliased_versions(self) -> list[ServableVersion]:
        """List the versions that an alias or a typed service points to."""
        return [self.versions[n] for n in self.named_numbers() if n in self.versions]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Every model by id, as they stood at one moment; those promoted last come first."""

    models: Mapping[str, ServableModel] = field(default_factory=lambda: MappingProxyType({}))


def find_moved(before: Snapshot, now: Snapshot) -> set[VersionKey]:
    """Find the versions that an alias points to now and did not before."""
    moved = set()
    for model_id, model in now.models.items():
        former = before.models.get(model_id)
        for alias, number in model.aliases.items():
            if number in model.versions and not (former and former.aliases.get(alias) == number):
                moved.add(model.versions[number].key)
    return moved


def find_model(snapshot: Snapshot, model_id: str) -> ServableModel:
    """Look a model up.

    Raises:
        ModelNotFound: There is none of that id.
    """
    model = snapshot.models.get(model_id)
    if model is None:
        raise ModelNotFound(
            f"there is no model {model_id[:80]!r}; ListModels lists them",
            details={"model": model_id[:80]},
        )
    return model


def resolve(
    snapshot: Snapshot, model_id: str, version_text: str, field_name: str = "model_version"
) -> ServableVersion:
    """Find the version that a caller means.

    Args:
        snapshot: What is served.
        model_id: The model.
        version_text: A number or an alias; empty is the alias `champion`.
        field_name: The request's field that has the text, for the error.

    Raises:
        ModelNotFound: There is no such model.
        VersionNotFound: The model has no ACTIVE version of that number.
        AliasNotFound: The model has no such alias.
        FieldInvalid: The text is neither a number nor an alias.
        ModelNotServable: The model was unloaded from this server, has no champion, or the
            alias's version is not ACTIVE.
    """
    model = find_model(snapshot, model_id)
    if model.is_unloaded:
        raise ModelNotServable(
            f"model {model_id!r} was unloaded from this server; RepositoryModelLoad loads it again",
            details={"model": model_id},
        )
    if version_text.isascii() and version_text.isdigit():
        return _find_number(model, model_id, version_text)
    if version_text and not ID_PATTERN.fullmatch(version_text):
        raise FieldInvalid(
            f"{field_name} must be a version's number, an alias, or empty for the alias"
            f" {CHAMPION!r}; it is {version_text[:80]!r}",
            field=field_name,
        )
    return _find_alias(model, model_id, version_text)


def resolve_schema(snapshot: Snapshot, model_id: str, major: int) -> ServableVersion:
    """Find the version that answers a typed service.

    Raises:
        ModelNotFound: There is no such model.
        NotOffered: It has no such service, or none that is active answers it.
    """
    model = find_model(snapshot, model_id)
    schema = model.schemas.get(major)
    version = model.versions.get(schema.number) if schema else None
    if version is None:
        raise NotOffered(f"the model {model_id!r} has no typed service v{major} now")
    return version


def _find_number(model: ServableModel, model_id: str, digits: str) -> ServableVersion:
    version = model.versions.get(int(digits)) if len(digits) <= _LONGEST_NUMBER else None
    if version is None:
        raise VersionNotFound(
            f"model {model_id!r} has no active version {digits[:20]}",
            details={"model": model_id, "version": digits[:20]},
        )
    return version


def _find_alias(model: ServableModel, model_id: str, alias: str) -> ServableVersion:
    number = model.aliases.get(alias or CHAMPION)
    if number is None and alias in {"", CHAMPION}:
        raise ModelNotServable(
            f"model {model_id!r} has no {CHAMPION}; promote a version to be it, or name"
            " another version",
            details={"model": model_id},
        )
    if number is None:
        raise AliasNotFound(
            f"model {model_id!r} has no alias {alias!r}",
            details={"model": model_id, "alias": alias},
        )
    if number not in model.versions:
        raise ModelNotServable(
            f"the alias {alias or CHAMPION!r} of model {model_id!r} points to version {number},"
            " which is not active; promote an active version",
            details={"model": model_id, "version": str(number)},
        )
    return model.versions[number]
