"""GPU Watchdog: collect, store, judge and show the state of a GPU cluster.

Layers, top to bottom; imports only point down (checked by `lint-imports`):

    pages/      one question a page                  may use Streamlit
    ui          filters, cards, cached reads         may use Streamlit
    runtime     the one collector and store of this process
    collector   read sources, persist, roll up
    services    a question in, a frozen answer out
    charts      frame in, Altair chart out           no I/O
    analysis    frame in, frame out                  pure
    sources     Prometheus, exporters, the demo cluster -> frames
    store       DuckDB -> frames
    exporters   nvidia-smi -> exposition text        light: no pandas, no DuckDB
    model       metric catalogue, frame contracts, states, units
    base        config, errors, clock, log
"""

__version__ = "0.1.0"
