"""The demonstration: the whole way from a table to predictions, on real data."""

from server.demo.tour import run_demo

__all__ = ["run_demo"]
