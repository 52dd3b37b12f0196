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
        concurrent_loads: How many versions are read and loaded at the same time.
        read_timeout_seconds: After this, reading a model file counts as failed.
        load_wait_seconds: How long a call waits for a version that is being loaded.
        on_demand_versions: How many versions without an alias stay loaded; the least
            recently used one goes first.
        retry_first_seconds: The pause after a first failed load; each further one doubles it.
        retry_longest_seconds: The longest pause. There is no last try: a store that was
            away for a night is found again.
        input_elements: The most elements that the inputs of one call have together; one
            row is never refused, however wide the model is.
        slow_run_threads: How many slow runs happen at once, off the event loop.
    """

    poll_seconds: float = 10.0
    catch_up_seconds: float = 1.0
    source_timeout_seconds: float = 30.0
    concurrent_loads: int = 2
    read_timeout_seconds: float = 60.0
    load_wait_seconds: float = 10.0
    on_demand_versions: int = 16
    retry_first_seconds: float = 1.0
    retry_longest_seconds: float = 300.0
    input_elements: int = 1_000_000
    slow_run_threads: int = 4
