"""Images that occur more than once: exact copies and near-duplicates."""
