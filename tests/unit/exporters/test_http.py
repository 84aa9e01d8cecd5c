import http.client
import socket
import ssl
import subprocess
import time

import pytest

from watchdog.base.errors import ConfigError
from watchdog.exporters.http import ExporterServer, Patience, Site
from watchdog.exporters.web import tls_context


@pytest.fixture
def serve():
    servers = []

    def start(token=b"", tls=None, patience=None, health=lambda: (True, "running")):
        server = ExporterServer(Site("Test <exporter>", lambda: b"x 1\n", health, token), "127.0.0.1:0", tls, patience)
        server.start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.stop()


def ask(server, path, headers=None, method="GET"):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    connection.request(method, path, headers=headers or {})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer, body


def test_metrics_come_with_prometheus_content_type(serve):
    answer, body = ask(serve(), "/metrics?x=1")
    assert (answer.status, body) == (200, b"x 1\n")
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"


def test_one_connection_serves_many_scrapes(serve):
    connection = http.client.HTTPConnection("127.0.0.1", serve().port, timeout=5)
    for _ in range(3):
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        assert answer.read() == b"x 1\n"
        assert answer.version == 11
        assert not answer.will_close
    connection.close()


def test_head_has_the_length_and_no_body(serve):
    answer, body = ask(serve(), "/metrics", method="HEAD")
    assert (answer.headers["Content-Length"], body) == ("4", b"")


def test_other_paths_and_methods_are_refused(serve):
    server = serve()
    assert ask(server, "/etc/passwd")[0].status == 404
    assert ask(server, "/metrics", method="POST")[0].status == 501


def test_the_index_page_escapes_its_title(serve):
    assert b"Test &lt;exporter&gt;" in ask(serve(), "/")[1]


def test_healthz_follows_the_exporter(serve):
    assert ask(serve(), "/healthz")[0].status == 200
    answer, body = ask(serve(health=lambda: (False, "no collection has ended for 300 s")), "/healthz")
    assert (answer.status, body) == (503, b"no collection has ended for 300 s\n")


@pytest.mark.parametrize("given", [None, "Bearer wrong", "Basic s3cret", "s3cret", "Bearer ", "Bearer s3cre\u00e9"])
def test_without_the_right_token_there_are_no_metrics(serve, given):
    server = serve(token=b"s3cret")
    answer, body = ask(server, "/metrics", {"Authorization": given.encode("latin-1")} if given else {})
    assert answer.status == 401
    assert b"x 1" not in body
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert ask(server, "/healthz")[0].status == 200


def test_with_the_token_there_are_metrics(serve):
    assert ask(serve(token=b"s3cret"), "/metrics", {"Authorization": "Bearer s3cret"})[0].status == 200


def test_a_request_with_a_body_ends_its_connection(serve):
    with socket.create_connection(("127.0.0.1", serve().port), timeout=5) as client:
        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 30\r\n\r\nGET /metrics HTTP/1.1\r\n\r\n")
        answer = b"".join(iter(lambda: client.recv(4096), b""))
    assert answer.count(b"HTTP/1.1") == 1


def test_a_client_that_drips_its_request_is_cut_off(serve):
    server = serve(patience=Patience(idle_seconds=5, request_seconds=0.4))
    begun = time.monotonic()
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client, pytest.raises(ConnectionError):
        drip(client)
    assert time.monotonic() - begun < 5


def drip(client):
    """One byte at a time; the server's closing shows as an error on a later send."""
    for _ in range(100):
        client.sendall(b"G")
        time.sleep(0.1)


def test_a_silent_client_is_cut_off_and_others_are_served_meanwhile(serve):
    server = serve(patience=Patience(idle_seconds=0.3))
    silent = [socket.create_connection(("127.0.0.1", server.port), timeout=5) for _ in range(20)]
    assert ask(server, "/metrics")[0].status == 200
    for client in silent:
        assert client.recv(1) == b""
        client.close()


def test_more_connections_than_allowed_are_closed_at_once_and_later_served_again(serve, monkeypatch):
    monkeypatch.setattr("watchdog.exporters.http._MAX_CONNECTIONS", 2)
    server = serve()
    held = [socket.create_connection(("127.0.0.1", server.port), timeout=5) for _ in range(2)]
    time.sleep(0.2)
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as third:
        assert third.recv(1) == b""
    for client in held:
        client.close()
    time.sleep(0.2)
    assert ask(server, "/metrics")[0].status == 200


def test_endless_headers_are_refused(serve):
    with socket.create_connection(("127.0.0.1", serve().port), timeout=5) as client:
        client.sendall(b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(200)) + b"\r\n")
        assert b" 431 " in client.recv(200)


def test_a_port_in_use_is_an_error_with_a_hint(serve):
    server = serve()
    with pytest.raises(ConfigError) as caught:
        ExporterServer(Site("x", bytes, lambda: (True, "")), f"127.0.0.1:{server.port}")
    assert "--listen" in caught.value.hint


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
               "-addext", "subjectAltName=DNS:localhost", "-keyout", str(folder / "k.pem"), "-out", str(folder / "c.pem")]  # fmt: skip
    try:
        subprocess.run(command, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    return folder


def test_tls_serves_and_a_plain_client_cannot_block_it(serve, certificate):
    server = serve(tls=tls_context(str(certificate / "c.pem"), str(certificate / "k.pem"), None))
    plain = socket.create_connection(("127.0.0.1", server.port), timeout=5)
    trust = ssl.create_default_context(cafile=str(certificate / "c.pem"))
    connection = http.client.HTTPSConnection("localhost", server.port, timeout=5, context=trust)
    for _ in range(2):
        connection.request("GET", "/metrics")
        assert connection.getresponse().read() == b"x 1\n"
    connection.close()
    plain.close()


def test_mutual_tls_turns_away_clients_without_a_certificate(serve, certificate):
    web = certificate / "web.yml"
    web.write_text(
        "tls_server_config:\n  cert_file: c.pem\n  key_file: k.pem\n  client_ca_file: c.pem\n  client_auth_type: RequireAndVerifyClientCert\n"
    )
    server = serve(tls=tls_context(None, None, str(web)))
    trust = ssl.create_default_context(cafile=str(certificate / "c.pem"))

    def status():
        connection = http.client.HTTPSConnection("localhost", server.port, timeout=5, context=trust)
        try:
            connection.request("GET", "/metrics")
            return connection.getresponse().status
        finally:
            connection.close()

    with pytest.raises((ssl.SSLError, ConnectionError)):
        status()
    trust.load_cert_chain(certificate / "c.pem", certificate / "k.pem")
    assert status() == 200
