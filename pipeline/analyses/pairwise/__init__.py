"""Which runs differ significantly, and what would several of them reach together?"""
