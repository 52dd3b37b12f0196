"""A gRPC transport on asyncio in plain Python, for calls of a few microseconds.

Read `connection` first: the way of nearly every call is one loop there. `server` has the
surface, `limits` every bound.
"""

from server.express.limits import Limits
from server.express.server import ExpressServer, server

__all__ = ["ExpressServer", "Limits", "server"]
