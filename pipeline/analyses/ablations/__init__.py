"""What does one factor contribute?"""
