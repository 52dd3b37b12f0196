"""Typed services: every model by the names of its columns, made while the server runs."""
