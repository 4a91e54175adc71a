"""Neural networks on images, written against ``keras.*`` only, and the code that trains them."""
