"""Is a run right as often as its confidence says?"""
