"""What does each run cost for the accuracy that it reaches?"""
