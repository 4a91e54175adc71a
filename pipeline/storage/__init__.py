"""What lies on the disk: every format and path, one file a subject."""
