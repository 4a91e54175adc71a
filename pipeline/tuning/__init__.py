"""What the searches for options have in common, whatever the run: ranges, and trials by Optuna."""
