"""How much accuracy do corrupted images cost?"""
