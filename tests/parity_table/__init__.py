"""The table of trainers, feature steps and task kinds in docs/parity-table.md."""
