"""Frame in, Altair chart out: no Streamlit, no I/O."""
