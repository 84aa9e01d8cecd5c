"""`python -m pod`: run this pod. `python -m pod health [--model]`: is it well?"""

from __future__ import annotations

import os
import sys

from pod.health import judge
from pod.run import run


def main() -> int:
    """Exit codes: 0 well or stopped as told, 1 not."""
    words = sys.argv[1:]
    if words[:1] == ["health"]:
        well, why = judge(want_model="--model" in words)
        sys.stdout.write(f"{why}\n")
        return 0 if well else 1
    return run(dict(os.environ))


if __name__ == "__main__":
    sys.exit(main())
