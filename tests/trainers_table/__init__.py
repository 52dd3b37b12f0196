"""The table of trainers in docs/trainers.md, made from fits on real tables."""
