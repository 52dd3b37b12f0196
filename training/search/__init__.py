"""Search of a trainer's settings: what is tried, where, and what is best."""
