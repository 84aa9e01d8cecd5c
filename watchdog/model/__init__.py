"""The vocabulary: metrics, frames, states and units."""
