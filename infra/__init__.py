"""Rent, watch and return a GPU cluster at RunPod."""
