"""The shell of the report: its look, its formats, and what holds its sections together."""
