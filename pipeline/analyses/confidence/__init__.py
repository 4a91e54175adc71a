"""On which test images is a run most and least confident?"""
