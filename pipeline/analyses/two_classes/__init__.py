"""Of two classes: how well does a score find the one, and where should its threshold be?"""
