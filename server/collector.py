"""How Python's garbage collector runs in a process that answers calls in microseconds."""

import gc

_OBJECTS = 700
# A collection of the young looks at so many times that many objects: with Python's own 10,
# everybody's call waits for about a millisecond where one peer opens hundreds of streams.
_YOUNG_COLLECTIONS = 4
_MIDDLE_COLLECTIONS = 50


def settle_collector() -> None:
    """Have collections take little time, once start-up is over.

    What start-up made stays: to look at it all again would hold up calls.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_OBJECTS, _YOUNG_COLLECTIONS, _MIDDLE_COLLECTIONS)
