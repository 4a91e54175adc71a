"""VGG16 with weights learned elsewhere, and a head of its own."""
