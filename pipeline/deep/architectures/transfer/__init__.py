"""VGG16 with pretrained weights and a new head."""
