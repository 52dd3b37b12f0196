"""What is served at this moment: one immutable view, replaced as a whole."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from registry.signature import CHAMPION
from serving.loaded import LoadedVersion
from serving.snapshot import ServableModel, ServableVersion, Snapshot, VersionKey

Routes = Mapping[str | int, LoadedVersion]
"""For one model: a version's text, as a request has it, or the number of a typed service ->
what answers."""

Loaded = Mapping[VersionKey, LoadedVersion]


@dataclass(frozen=True, slots=True)
class View:
    """What is served.

    A request looks once, at one view, and keeps what it finds. So no request sees some
    models before a change and others after it.

    Attributes:
        snapshot: What callers may name. Differs from what is wanted where an alias's new
            target is not loaded yet: it has the old one.
        routes: By model id, what is loaded of that.
    """

    snapshot: Snapshot = field(default_factory=Snapshot)
    routes: Mapping[str, Routes] = field(default_factory=lambda: MappingProxyType({}))


def settle_model(
    wanted: ServableModel, before: ServableModel | None, loaded: Loaded
) -> ServableModel:
    """Decide what callers may name of one model.

    Args:
        wanted: What should be served.
        before: What was served so far.
        loaded: What is loaded.

    Returns:
        The wanted model, but for aliases and typed services whose new target is not loaded
        yet while the version they pointed to still is, or can be again: those stay.
    """
    versions, aliases, schemas = dict(wanted.versions), dict(wanted.aliases), dict(wanted.schemas)
    if before is None:
        return wanted
    for alias, number in wanted.aliases.items():
        if old := _find_former(wanted, number, before, before.aliases.get(alias, 0), loaded):
            versions[old.number] = old
            aliases[alias] = old.number
    for major, schema in wanted.schemas.items():
        former = before.schemas.get(major)
        former_number = former.number if former else 0
        if old := _find_former(wanted, schema.number, before, former_number, loaded):
            versions[old.number] = old
            schemas[major] = replace(schema, number=old.number)
    return replace(wanted, versions=versions, aliases=aliases, schemas=schemas)


def _find_former(
    wanted: ServableModel, number: int, before: ServableModel, former_number: int, loaded: Loaded
) -> ServableVersion | None:
    """Find the former target of a name if that has to answer until the new one is loaded."""
    target = wanted.versions.get(number)
    if target is None or target.key in loaded:
        return None
    old = before.versions.get(former_number)
    if old is None:
        return None
    same = wanted.versions.get(old.number)
    # Another version of the same number is of a model that was deleted and made anew.
    can_stay = same.key == old.key if same else old.key in loaded
    return old if can_stay else None


def route_model(model: ServableModel, loaded: Loaded) -> Routes:
    """Work out every text that reaches a loaded version of one model."""
    routes: dict[str | int, LoadedVersion] = {
        str(number): loaded[version.key]
        for number, version in model.versions.items()
        if version.key in loaded
    }
    for alias, number in model.aliases.items():
        if handle := routes.get(str(number)):
            routes[alias] = handle
    if champion := routes.get(CHAMPION):
        routes[""] = champion
    for major, schema in model.schemas.items():
        if handle := routes.get(str(schema.number)):
            routes[major] = handle
    return routes


def keep_reachable(
    snapshot: Snapshot, loaded: Loaded, most_idle: int
) -> dict[VersionKey, LoadedVersion]:
    """Choose what stays loaded.

    Args:
        snapshot: What callers may name.
        loaded: What is loaded.
        most_idle: How many versions without an alias may stay.

    Returns:
        The versions that an alias or a typed service points to, and of the other ones that
        callers may
        name those that were used last.
    """
    named, idle = {}, []
    for key, handle in loaded.items():
        model = snapshot.models.get(handle.version.model_id)
        version = model.versions.get(handle.version.number) if model else None
        if model is None or version is None or version.key != key:
            continue
        named[key] = handle
        if version.number not in model.named_numbers():
            idle.append(handle)
    idle.sort(key=lambda handle: handle.last_used, reverse=True)
    for handle in idle[most_idle:]:
        del named[handle.version.key]
    return named
