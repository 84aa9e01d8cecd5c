"""Health checks: one file a check, each a pure function from `Facts` to findings; `registry` lists them."""
