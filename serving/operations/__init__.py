"""What operators and their tools ask of a running server: states, statistics, settings."""
