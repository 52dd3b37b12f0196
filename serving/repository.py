"""The registry as this server has it, less what somebody unloaded from this server."""

from collections.abc import Awaitable, Callable

from serving.snapshot import ServableModel, Snapshot

_UNLOADED = ServableModel({}, {}, is_unloaded=True)


class Repository:
    """Stands between the source and the reconciler, which follows what this tells it.

    The registry is the system of record and is never changed here. An unloaded model stays
    so for as long as this process lives, whatever is promoted meanwhile, until it is
    loaded again; a model that was deleted and made anew is another one.

    Args:
        read_source: Reads what should be served from the system of record.

    Attributes:
        known: What the source said last, unloaded models included.
    """

    def __init__(self, read_source: Callable[[], Awaitable[Snapshot]]) -> None:
        self._read_source = read_source
        self._unloaded: set[str] = set()
        self._answers_from_memory = False
        self.known = Snapshot()

    async def read_snapshot(self) -> Snapshot:
        """Read what should be served; what the source raises is raised."""
        if not self._answers_from_memory:
            self.known = await self._read_source()
        self._answers_from_memory = False
        self._unloaded &= self.known.models.keys()
        return Snapshot({**self.known.models, **dict.fromkeys(self._unloaded, _UNLOADED)})

    def is_unloaded(self, model_id: str) -> bool:
        """Tell whether somebody unloaded the model."""
        return model_id in self._unloaded

    def mark(self, model_id: str, *, unloaded: bool) -> None:
        """Unload a known model, or take that back, with the next reading.

        That one needs no source: a database that is away must not keep a model loaded.
        """
        if unloaded:
            self._unloaded.add(model_id)
        else:
            self._unloaded.discard(model_id)
        self._answers_from_memory = True
