"""The questions that a study answers: one folder each, with its tables, sentences and charts."""
