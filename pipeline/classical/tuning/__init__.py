"""The search for options on the validation split."""
