"""Single trainings of any run, on any part of the training images, kept as soon as they end.

Questions that need many trainings of one run are answered here: how accuracy grows with training
images, and what one option changes. A training leaves scores and a history, but no model.
"""
