"""Real Prometheus, VictoriaMetrics and Alertmanager on free ports; the former scrape, or hold samples of exact instants.

Each is a context manager that yields the base URL and stops the server at the end. Where the program is missing
the test is skipped with the reason.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from watchdog.model.exposition import number_text

PROMETHEUS = ("/usr/bin/prometheus", "prometheus")
PROMTOOL = ("/usr/bin/promtool", "promtool")
ALERTMANAGER = ("/usr/bin/prometheus-alertmanager", "prometheus-alertmanager")
AMTOOL = ("/usr/bin/amtool", "amtool")
VICTORIA = ("/usr/bin/victoria-metrics", "victoria-metrics")

# One sample: `name{labels}` as in the exposition format, when, and the value.
Loaded = tuple[str, datetime, float]


def program(names: Sequence[str]) -> str:
    """The first of `names` that is here; skips the test otherwise."""
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"{names[-1]} is not installed")
    return found


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_prometheus(
    folder: Path,
    targets: Sequence[str] = (),
    *,
    scrape_interval: str = "1s",
    samples: Iterable[Loaded] = (),
    flags: Sequence[str] = (),
) -> Iterator[str]:
    """Prometheus that scrapes `targets` (`host:port`) and holds `samples`; yields its base URL."""
    binary, port, data = program(PROMETHEUS), free_port(), folder / "prometheus"
    data.mkdir(parents=True, exist_ok=True)
    _create_blocks(folder, data, samples)
    config = folder / "prometheus.yml"
    config.write_text(_scrape_config(targets, scrape_interval), encoding="utf-8")
    command = [
        binary,
        f"--config.file={config}",
        f"--storage.tsdb.path={data}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--storage.tsdb.retention.time=100y",
        *flags,
    ]
    with _running(command, f"http://127.0.0.1:{port}", "/-/ready", folder / "prometheus.log") as url:
        yield url


@contextmanager
def running_victoria(
    folder: Path,
    targets: Sequence[str] = (),
    *,
    scrape_interval: str = "1s",
    samples: Iterable[Loaded] = (),
    flags: Sequence[str] = (),
) -> Iterator[str]:
    """VictoriaMetrics that scrapes `targets` and holds `samples`; yields its base URL."""
    binary, port = program(VICTORIA), free_port()
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "victoria.yml"
    config.write_text(_scrape_config(targets, scrape_interval), encoding="utf-8")
    command = [
        binary,
        f"-storageDataPath={folder / 'victoria'}",
        f"-httpListenAddr=127.0.0.1:{port}",
        f"-promscrape.config={config}",
        "-retentionPeriod=100y",
        *flags,
    ]
    with _running(command, f"http://127.0.0.1:{port}", "/health", folder / "victoria.log") as url:
        load_victoria(url, samples)
        yield url


@contextmanager
def running_alertmanager(folder: Path, webhook: str) -> Iterator[str]:
    """Alertmanager that tells `webhook` of each alert at once; yields its base URL."""
    binary, port, config = program(ALERTMANAGER), free_port(), folder / "alertmanager.yml"
    route = {"receiver": "hook", "group_by": ["..."], "group_wait": "0s", "group_interval": "1s"}
    receiver = {"name": "hook", "webhook_configs": [{"url": webhook, "send_resolved": True}]}
    config.write_text(json.dumps({"route": route, "receivers": [receiver]}), encoding="utf-8")
    command = [
        binary,
        f"--config.file={config}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    with _running(command, f"http://127.0.0.1:{port}", "/-/ready", folder / "alertmanager.log") as url:
        yield url


def load_victoria(url: str, samples: Iterable[Loaded]) -> None:
    """Import samples and wait until they can be read."""
    lines = [f"{series} {number_text(value)} {_milliseconds(at)}" for series, at, value in samples]
    if not lines:
        return
    for first in range(0, len(lines), 200_000):
        body = "\n".join(lines[first : first + 200_000]).encode()
        urllib.request.urlopen(f"{url}/api/v1/import/prometheus", data=body, timeout=60).close()
    urllib.request.urlopen(f"{url}/internal/force_flush", timeout=60).close()


def wait_for_samples(url: str, query: str, at_least: int = 1, seconds: float = 30) -> None:
    """Wait until the instant query gives so many series."""
    until = time.monotonic() + seconds
    while len(instant_query(url, query)) < at_least:
        if time.monotonic() > until:
            raise TimeoutError(f"{url} has no {at_least} series of {query}")
        time.sleep(0.1)


def instant_query(url: str, query: str) -> list[dict]:
    """The result of an instant query, now."""
    target = f"{url}/api/v1/query?{urllib.parse.urlencode({'query': query, 'nocache': 1})}"
    with urllib.request.urlopen(target, timeout=10) as answer:
        return json.load(answer)["data"]["result"]


def _create_blocks(folder: Path, data: Path, samples: Iterable[Loaded]) -> None:
    by_family: dict[str, list[str]] = {}
    for series, at, value in samples:
        line = f"{series} {number_text(value)} {_milliseconds(at) / 1000:.3f}"
        by_family.setdefault(series.partition("{")[0], []).append(line)
    if not by_family:
        return
    text = "".join(f"# TYPE {name} unknown\n" + "\n".join(lines) + "\n" for name, lines in by_family.items())
    openmetrics = folder / "samples.openmetrics"
    openmetrics.write_text(f"{text}# EOF\n", encoding="utf-8")
    command = [program(PROMTOOL), "tsdb", "create-blocks-from", "openmetrics", "-q", str(openmetrics), str(data)]
    subprocess.run(command, check=True, capture_output=True, timeout=300)


def _scrape_config(targets: Sequence[str], interval: str) -> str:
    job = {"job_name": "gpu", "static_configs": [{"targets": list(targets)}]}
    config = {
        "global": {"scrape_interval": interval, "scrape_timeout": interval},
        "scrape_configs": [job] if targets else [],
    }
    return json.dumps(config)


def _milliseconds(at: datetime) -> int:
    return round(at.timestamp() * 1000)


@contextmanager
def _running(command: list[str], url: str, ready: str, log: Path) -> Iterator[str]:
    with log.open("wb") as output:
        server = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        _wait_until_ready(server, f"{url}{ready}", log)
        yield url
    finally:
        server.terminate()
        try:
            server.wait(timeout=10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait_until_ready(server: subprocess.Popen, url: str, log: Path, seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while True:
        try:
            urllib.request.urlopen(url, timeout=1).close()
        except (urllib.error.URLError, OSError) as error:
            if server.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{url} did not start:\n{log.read_text(errors='replace')[-2000:]}") from error
            time.sleep(0.05)
        else:
            return
