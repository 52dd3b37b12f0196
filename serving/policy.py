"""How much is kept loaded, how many loads run at once, how long anything is waited for."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingPolicy:
    """The numbers that govern serving.

    Attributes:
        poll_seconds: How often the source is read when nothing announces a change.
        catch_up_seconds: How often at most the source is read because a call means what is
            not known.
        source_timeout_seconds: After this the source counts as failed.
        memory_bytes: What all loaded versions may take together. When another one needs
            room, the least recently used go; a call loads them again.
        concurrent_reads: How many model files are read, or wait for a place to be loaded,
            at the same time; their bytes come on top of `memory_bytes`.
        concurrent_loads: How many versions are loaded at the same time.
        concurrent_preloads: How many of those reads and loads no call waits for.
        read_timeout_seconds: After this, reading a model file counts as failed; large
            files get more, see `read_bytes_per_second`.
        read_bytes_per_second: The slowest reading that is put up with.
        rest_factor: After a load that others had to go for, its place rests so many times
            as long as the load took: where more models are in use than fit, no more than
            1 / (1 + rest_factor) of the loaders' time is spent on exchanging them.
        rest_longest_seconds: The longest such rest.
        load_wait_seconds: How long a call waits for a version that is being loaded.
        on_demand_versions: How many versions without an alias stay loaded; the least
            recently used one goes first.
        retry_first_seconds: The pause after a first failed load; each further one doubles it.
        retry_longest_seconds: The longest pause. There is no last try.
        reread_longest_seconds: The longest pause after a file that could not be read: a
            store that was away for a night is found again soon.
        input_elements: The most elements that the inputs of one call have together; one
            row is never refused, however wide the model is.
        slow_runs_waiting: How many slow runs may wait for a thread.
        slow_run_threads: How many slow runs happen at once, off the event loop.
    """

    poll_seconds: float = 10.0
    catch_up_seconds: float = 1.0
    source_timeout_seconds: float = 30.0
    memory_bytes: int = 2 << 30
    concurrent_reads: int = 8
    concurrent_loads: int = 2
    concurrent_preloads: int = 4
    read_timeout_seconds: float = 10.0
    read_bytes_per_second: float = 10e6
    rest_factor: float = 3.0
    rest_longest_seconds: float = 5.0
    load_wait_seconds: float = 10.0
    on_demand_versions: int = 16
    retry_first_seconds: float = 1.0
    retry_longest_seconds: float = 300.0
    reread_longest_seconds: float = 20.0
    input_elements: int = 1_000_000
    slow_runs_waiting: int = 1000
    slow_run_threads: int = 4
