"""How does accuracy grow with the epochs, and with the number of training images?"""
