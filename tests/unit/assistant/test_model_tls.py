"""A model behind TLS: whose certificate is trusted, and stopping there."""

from __future__ import annotations

import ssl
import subprocess
import time

import pytest

from tests.fake_vllm import FakeVllm, endless, says
from tests.unit.assistant.model_kit import ask_of
from watchdog.assistant.records import Ending


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


@pytest.fixture(scope="module")
def secure(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "c.pem", certificate / "k.pem")
    with FakeVllm(says("Done."), tls=context) as server:
        yield server


def test_a_server_whose_authority_is_given_is_asked(secure, certificate):
    assert ask_of(secure.play(says("Done.")), ca_file=str(certificate / "c.pem")).answer.text == "Done."


def test_a_server_whose_certificate_is_not_trusted_is_not_asked(secure):
    came = ask_of(secure.play(says("Done.")))
    assert came.answer.ending is Ending.FAILED
    assert "WATCHDOG_ASSISTANT_CA_FILE" in came.notices
    assert secure.requests == []


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_certificates_that_cannot_be_read_are_told(secure, tmp_path, content):
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    came = ask_of(secure.play(says("Done.")), ca_file=str(path))
    assert came.answer.ending is Ending.FAILED
    assert "Correct WATCHDOG_ASSISTANT_CA_FILE" in came.notices


def test_a_stop_frees_a_server_behind_tls_too(secure, certificate):
    heard = time.monotonic() + 0.3
    came = ask_of(
        secure.play(endless(every=0.01)),
        ca_file=str(certificate / "c.pem"),
        cancelled=lambda: time.monotonic() > heard,
    )
    assert came.answer.ending is Ending.STOPPED
    until = time.monotonic() + 2
    while not secure.gone and time.monotonic() < until:
        time.sleep(0.01)
    assert secure.gone == 1
