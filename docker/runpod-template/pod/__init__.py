"""What runs in a pod of the image, from its start to its end. Standard library only."""
