"""The system of record: models, versions, aliases and artifacts."""
