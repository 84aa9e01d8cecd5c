"""Notebooks as files: Jupyter, SQL, HTML and PDF."""
