"""What do the features keep of an image?"""
