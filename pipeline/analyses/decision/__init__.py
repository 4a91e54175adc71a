"""Which run should be used, and how sure can one be of that?"""
