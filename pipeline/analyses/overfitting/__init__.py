"""Which runs overfit, and which underfit?"""
