"""Results in, tables, figures and pages out; no prediction is ever read here."""
