"""Which classes are recognized, and which are mistaken for which?"""
