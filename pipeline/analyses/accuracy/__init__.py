"""How accurate is each run, and how certain is that?"""
