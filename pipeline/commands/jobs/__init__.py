"""A study's stages side by side: on the cores of this machine, and on other machines."""
