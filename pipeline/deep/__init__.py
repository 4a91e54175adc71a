"""Networks over pixels, written to ``keras.*`` alone, and the engine that trains them."""
