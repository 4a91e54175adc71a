"""The networks as tables and drawings: what their layers are, and what reads what."""
