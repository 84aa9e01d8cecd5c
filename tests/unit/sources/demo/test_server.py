"""The demo cluster over HTTP."""

import argparse
import email.utils
import http.client
import json
import threading
from contextlib import contextmanager
from datetime import timedelta

import pytest

from tests.unit.sources.demo.support import START, cluster
from watchdog.base.clock import FakeClock
from watchdog.base.errors import ConfigError
from watchdog.model.exposition import CONTENT_TYPE
from watchdog.sources.demo.faults import FaultKind
from watchdog.sources.demo.scenarios import HEALTHY, only
from watchdog.sources.demo.server import DemoServer, add_arguments, run


@contextmanager
def serving(scenario=HEALTHY):
    demo = cluster(scenario, nodes=2, gpus=4)
    with DemoServer(demo, FakeClock(START), ("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def get(server, path):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def test_each_node_has_its_page():
    with serving() as server:
        status, headers, body = get(server, "/gpu02/metrics")
    assert (status, headers["Content-Type"]) == (200, CONTENT_TYPE)
    assert b'Hostname="gpu02"' in body
    assert b'Hostname="gpu01"' not in body


def test_slurm_index_and_unknown_paths():
    with serving() as server:
        assert b"slurm_job_info" in get(server, "/slurm/metrics")[2]
        assert b"/gpu01/metrics" in get(server, "/")[2]
        assert get(server, "/gpu99/metrics")[0] == 404


def test_service_discovery_names_every_page_as_a_target_of_its_own():
    with serving() as server:
        found = json.loads(get(server, "/sd")[2])
    assert {t["labels"]["__metrics_path__"] for t in found} == {"/gpu01/metrics", "/gpu02/metrics", "/slurm/metrics"}
    assert len({t["labels"]["instance"] for t in found}) == 3
    assert {t["targets"][0] for t in found} == {f"127.0.0.1:{server.port}"}


def test_a_dead_exporter_is_a_503_and_the_truth_says_so():
    with serving(only(FaultKind.EXPORTER_DEAD, at=-600, minutes=60, node=1)) as server:
        status, _, body = get(server, "/gpu02/metrics")
        (fault,) = json.loads(get(server, "/faults")[2])
        assert get(server, "/gpu01/metrics")[0] == 200
    assert status == 503
    assert b"refused" in body
    assert (fault["kind"], fault["node"]) == ("exporter_dead", "gpu02")
    assert fault["since"] < START.isoformat() < fault["until"]


def test_the_date_of_an_answer_is_by_the_nodes_own_clock():
    with serving(only(FaultKind.CLOCK_SKEW, at=-600, minutes=60, node=1)) as server:
        theirs, ours = (get(server, f"/{node}/metrics")[1]["Date"] for node in ("gpu02", "gpu01"))
    apart = email.utils.parsedate_to_datetime(theirs) - email.utils.parsedate_to_datetime(ours)
    assert abs(apart) > timedelta(minutes=3)


def test_an_address_that_cannot_be_bound_is_said_with_a_hint():
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    for listen in ("nowhere", "127.0.0.1:99999"):
        with pytest.raises(ConfigError) as caught:
            run(parser.parse_args(["--listen", listen, "--nodes", "1", "--gpus", "1"]))
        assert "--listen" in caught.value.hint
