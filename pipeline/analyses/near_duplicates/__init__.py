"""Which test images have a near-duplicate among the images that runs learn from?"""
