"""One command for photographs of one's own: look, choose, run, recommend."""
