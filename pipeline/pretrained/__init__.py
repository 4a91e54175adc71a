"""Networks whose weights were learned elsewhere."""
