"""What was run, on which images, and on which machine?"""
