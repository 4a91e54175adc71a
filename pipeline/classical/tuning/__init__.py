"""The search for options, scored on the validation split."""
