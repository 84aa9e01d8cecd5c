"""Every way in which HTTP goes wrong becomes one of our errors, with a hint and without a secret."""

import inspect

import pytest
import requests
import urllib3

from watchdog.base.errors import WatchdogError
from watchdog.sources import http
from watchdog.sources.http import Advice, encoding_for, is_near, refused, translated, without_credentials

ADVICE = Advice("exporter n1", "auth?", "address?", "certificate?")


def exceptions(module):
    found = [thing for _, thing in inspect.getmembers(module, inspect.isclass) if issubclass(thing, Exception)]
    return [kind for kind in found if not issubclass(kind, Warning)]


@pytest.mark.parametrize("kind", exceptions(requests.exceptions), ids=lambda kind: kind.__name__)
def test_each_exception_of_requests_has_our_words(kind):
    ours = translated(kind.__new__(kind), ADVICE)
    assert isinstance(ours, WatchdogError)
    assert "exporter n1" in str(ours)
    assert ours.hint


@pytest.mark.parametrize("kind", exceptions(urllib3.exceptions), ids=lambda kind: kind.__name__)
def test_each_exception_of_urllib3_has_our_words(kind):
    assert translated(kind.__new__(kind), ADVICE).hint


def test_a_foreign_message_is_never_repeated():
    error = requests.exceptions.InvalidHeader("Invalid header: Bearer sEcReT\n")
    assert "sEcReT" not in str(translated(error, ADVICE))


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, "SourceFormatError"),
        (401, "SourceAuthError"),
        (403, "SourceAuthError"),
        (404, "SourceFormatError"),
        (422, "SourceLimitError"),
        (429, "SourceLimitError"),
        (503, "SourceUnavailableError"),
    ],
)
def test_each_refusal_is_named(status, kind):
    error = refused(status, b"<html><script>x()</script><b>No</b> way</html>", ADVICE)
    assert type(error).__name__ == kind
    assert str(status) in str(error)
    assert "script" not in str(error)
    assert error.hint


def test_success_is_no_refusal():
    assert refused(200, b"", ADVICE) is None


def test_addresses_are_shown_without_credentials():
    assert without_credentials("https://me:pw@host:9090/prom/?token=x") == "https://host:9090/prom"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "10.1.2.3", "192.168.1.1", "::1", "prometheus"])
def test_this_machine_and_private_networks_are_near(host):
    assert is_near(host)


def test_answers_from_afar_come_packed(monkeypatch):
    monkeypatch.setattr(http.socket, "getaddrinfo", lambda *_: [(0, 0, 0, "", ("8.8.8.8", 0))])
    assert encoding_for("https://prometheus.example.com") == "gzip"
    assert encoding_for("http://127.0.0.1:9090") == "identity"
