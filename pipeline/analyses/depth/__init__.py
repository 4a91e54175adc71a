"""Do more layers help, with and without shortcuts?"""
