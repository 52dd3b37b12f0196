"""The process: settings, composition, transport, database."""
