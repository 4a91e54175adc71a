"""From how many training images on does deep pay, and what would more of them give?"""
