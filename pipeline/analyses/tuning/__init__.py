"""Which options were tried, and how well did they do on validation?"""
