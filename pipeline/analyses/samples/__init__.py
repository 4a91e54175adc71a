"""What do the test images look like, and what does each run predict for them?"""
