"""Run the fake until it is stopped: `python -m tests.infra.fake_runpod --port 8099`."""

from __future__ import annotations

import argparse
import contextlib
import sys

from tests.infra.fake_runpod import FakeRunpod


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.infra.fake_runpod", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 = a free one")
    parser.add_argument("--key", default="fake-key", help="the API key that it takes")
    options = parser.parse_args()
    fake = FakeRunpod(port=options.port, key=options.key)
    sys.stdout.write(f"RUNPOD_API_BASE_URL={fake.url}\nRUNPOD_GRAPHQL_URL={fake.graphql_url}\n")
    sys.stdout.flush()
    with contextlib.suppress(KeyboardInterrupt):
        fake.serve_forever()


if __name__ == "__main__":
    main()
