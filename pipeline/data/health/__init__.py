"""The health of the images: what they are like, and whether something else gives the class away."""
