"""Telling people: channels, delivery with patience, and a sign of life."""
