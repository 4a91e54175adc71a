"""What do the networks look at?"""
