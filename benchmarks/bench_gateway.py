"""What the gateway costs: the same small page straight from a server and through nginx with sign-in, in turns.

Also how long it takes from starting every service to the first data on a page. Needs nginx, Prometheus, Alertmanager.
"""

from __future__ import annotations

import http.client
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks._timing import table
from tests.docker.stack import Echo, basic, gateway, htpasswd, new_ports, running_stack
from tests.docker.test_stack import words_of_page

# No more than the gateway lets one address ask in a second.
REQUESTS, ROUND = 900, 45


def main() -> None:
    if not shutil.which("nginx", path="/usr/sbin:/usr/bin"):
        print("nginx is not installed: nothing is measured")
        return
    with tempfile.TemporaryDirectory() as folder:
        _latency(Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        _first_data(Path(folder))


def _latency(folder: Path) -> None:
    ports, echo = new_ports(), Echo(lambda *_: (200, {"Content-Type": "text/plain"}, b"ok\n"))
    for name in ("app", "prometheus", "grafana", "alertmanager"):
        ports[name] = echo.port
    htpasswd(folder)
    with gateway(folder, ports):
        straight, through = _connected(ports["app"]), _connected(ports["gateway"])
        times: dict[str, list[float]] = {"straight": [], "through the gateway": []}
        for _ in range(REQUESTS // ROUND):
            for name, connection in (("straight", straight), ("through the gateway", through)):
                times[name] += [_milliseconds(connection) for _ in range(ROUND)]
            time.sleep(0.5)
        straight.close(), through.close()
    echo.stop()
    rows = [(name, _share(ms, 0.5), _share(ms, 0.99)) for name, ms in times.items()]
    added = (rows[1][1] - rows[0][1], rows[1][2] - rows[0][2])
    table(
        f"Gateway, {REQUESTS:,} requests on a kept connection",
        [("", "p50 ms", "p99 ms"), *_rounded(rows), *_rounded([("added", *added)])],
    )


def _connected(port: int) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    for _ in range(20):
        _milliseconds(connection)
    return connection


def _milliseconds(connection: http.client.HTTPConnection) -> float:
    began = time.perf_counter()
    connection.request("GET", "/healthz", headers=basic("admin"))
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 200
    return (time.perf_counter() - began) * 1e3


def _share(times: list[float], share: float) -> float:
    return statistics.quantiles(times, n=1000)[round(share * 1000) - 1]


def _rounded(rows: list[tuple[str, float, float]]) -> list[tuple[str, str, str]]:
    return [(name, f"{half:.2f}", f"{most:.2f}") for name, half, most in rows]


def _first_data(folder: Path) -> None:
    with running_stack(folder) as stack:
        answering = time.monotonic() - stack.started
        while "gpu01" not in words_of_page(stack, **basic("admin")):
            time.sleep(0.2)
        seen = time.monotonic() - stack.started
    table("From starting every service", [("", "s"), ("the page answers", answering), ("a node is on it", seen)])


if __name__ == "__main__":
    main()
