"""Reading params.yaml."""
