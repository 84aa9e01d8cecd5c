"""Streamlit's own sign-in against a small identity provider, in a real browser."""

from __future__ import annotations

import json
import re
import sys
import time
import urllib.parse

import pytest

from tests.docker.stack import Echo, clean_env, process, wait_for
from tests.integration.servers import free_port

pytestmark = [pytest.mark.integration, pytest.mark.browser]


class Provider:
    """OpenID Connect with one user, who signs in without being asked."""

    def __init__(self) -> None:
        jwk = pytest.importorskip("joserfc.jwk", reason="Authlib is not installed")
        self.key = jwk.RSAKey.generate_key(2048, {"kid": "1"})
        self.claims = {"sub": "1", "email": "Ann@example.com", "email_verified": True}
        self.nonce = ""
        self.echo = Echo(self.respond)
        self.url = f"http://127.0.0.1:{self.echo.port}"

    def respond(self, path, headers):
        address = urllib.parse.urlsplit(path)
        asked = dict(urllib.parse.parse_qsl(address.query))
        if address.path == "/authorize":
            self.nonce = asked["nonce"]
            back = urllib.parse.urlencode({"code": "x", "state": asked["state"]})
            return 302, {"Location": f"{asked['redirect_uri']}?{back}"}, b""
        answers = {
            "/.well-known/openid-configuration": self._configuration,
            "/token": self._token,
            "/jwks": lambda: {"keys": [self.key.as_dict(private=False)]},
        }
        return 200, {"Content-Type": "application/json"}, json.dumps(answers[address.path]()).encode()

    def _configuration(self):
        paths = {"authorization_endpoint": "/authorize", "token_endpoint": "/token", "jwks_uri": "/jwks"}
        return {
            "issuer": self.url,
            **{name: self.url + path for name, path in paths.items()},
            "response_types_supported": ["code"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def _token(self):
        from joserfc import jwt

        now = int(time.time())
        claims = {"iss": self.url, "aud": "watchdog", "iat": now, "exp": now + 600, "nonce": self.nonce, **self.claims}
        signed = jwt.encode({"alg": "RS256", "kid": "1"}, claims, self.key)
        return {"access_token": "a", "token_type": "Bearer", "expires_in": 600, "id_token": signed}


@pytest.fixture
def provider():
    running = Provider()
    yield running
    running.echo.stop()


@pytest.fixture
def app(provider, tmp_path):
    """The demo cluster behind that provider; its URL."""
    port = free_port()
    secrets = tmp_path / ".streamlit" / "secrets.toml"
    secrets.parent.mkdir()
    secrets.write_text(
        f'[auth]\nredirect_uri = "http://127.0.0.1:{port}/oauth2callback"\ncookie_secret = "{"c" * 40}"\n'
        f'client_id = "watchdog"\nclient_secret = "s"\n'
        f'server_metadata_url = "{provider.url}/.well-known/openid-configuration"\n'
    )
    env = clean_env(
        HOME=tmp_path, WATCHDOG_SOURCE="demo", WATCHDOG_PORT=port, WATCHDOG_DATA_DIR=tmp_path / "data",
        WATCHDOG_DEMO_HISTORY_HOURS=0.1, WATCHDOG_DEMO_NODES=1, WATCHDOG_DEMO_GPUS=2, WATCHDOG_OPERATORS="ann@example.com",
    )  # fmt: skip
    with process("app", tmp_path, [sys.executable, "-m", "watchdog", "serve"], env, 40):
        wait_for(f"http://127.0.0.1:{port}/readyz", tmp_path / "app.log")
        yield f"http://127.0.0.1:{port}"


def test_a_person_signs_in_at_the_provider_and_one_whose_address_is_not_verified_does_not_get_in(
    app, provider, chromium
):
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    tab = context.new_page()
    tab.set_default_timeout(20_000)

    tab.goto(app)
    tab.get_by_role("button", name="Sign in").wait_for()
    assert "gpu01" not in tab.locator("body").inner_text()
    tab.get_by_role("button", name="Sign in").click()
    # The escaper puts a joiner before the @, so that it is no link.
    tab.get_by_text(re.compile("ann.?@example.com, operator")).wait_for()
    tab.get_by_text("gpu01").first.wait_for()
    tab.get_by_role("button", name="Sign out").click()
    tab.get_by_role("button", name="Sign in").wait_for()

    provider.claims["email_verified"] = False
    tab.get_by_role("button", name="Sign in").click()
    tab.get_by_text("gave no verified email").wait_for()
    assert "gpu01" not in tab.locator("body").inner_text()
    context.close()
