"""Predictions in, named results out; no model is ever loaded here."""
