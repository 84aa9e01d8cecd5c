"""A question in, a frozen answer out."""
