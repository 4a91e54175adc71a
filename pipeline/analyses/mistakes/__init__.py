"""Which test images do runs get wrong, and which labels look wrong?"""
