"""Who may look, who may act, and what those who may not see instead."""

from __future__ import annotations

import pytest

from tests.conftest import NOON
from tests.fakes import fake_runtime
from tests.pages.alert_stage import staged_runtime
from tests.pages.conftest import words
from tests.pages.test_alerts import EVIL, HOT, act, button
from tests.unit.alerts.stage import Stage, rule
from watchdog.base.clock import FakeClock
from watchdog.base.config import Config
from watchdog.base.errors import ActionError, ConfigError
from watchdog.model.people import Role
from watchdog.services.audit import Audit
from watchdog.services.history import History
from watchdog.services.sign_in import USER_HEADER, VOUCHER, VOUCHER_HEADER
from watchdog.ui import who
from watchdog.ui.audited import Deed, carry_out

GATEWAY = {"sign_in": "proxy", "proxy_secret": "s3cret" * 6, "admins": "ann", "operators": "bo"}


@pytest.fixture
def stage(tmp_path):
    history = History(tmp_path / "watchdog.duckdb", FakeClock(NOON))
    yield Stage(rule("hot"), history=history)
    history.close()


@pytest.fixture
def come_as(monkeypatch):
    """Be the user that the gate vouches for; None = come without it."""

    def come(name: str | None, voucher: str = VOUCHER) -> None:
        shown = {} if name is None else {USER_HEADER: name.encode().decode("latin-1"), VOUCHER_HEADER: voucher}
        monkeypatch.setattr("watchdog.ui.who.request_headers", lambda: shown)

    return come


def staged(stage, **config):
    runtime = staged_runtime(stage, **GATEWAY | config)
    runtime.audit = Audit(stage.history, stage.clock)
    return runtime


@pytest.mark.parametrize("voucher", [None, "", "forged"])
def test_without_a_voucher_nothing_is_said_of_the_cluster(open_page, come_as, voucher):
    come_as(None if voucher is None else "ann", voucher or "")
    app = open_page("overview", runtime=fake_runtime(**GATEWAY))

    assert not app.exception
    assert "Sign in at the gateway" in app.warning[0].value
    assert "node001" not in words(app)
    assert not app.dataframe
    assert not app.metric


def test_who_signed_in_is_named_with_their_role(open_page, come_as):
    come_as("Zoë")
    app = open_page("overview", runtime=fake_runtime(**GATEWAY))

    assert "**Zoë**, viewer" in words(app)


def test_a_hostile_name_is_only_a_name(open_page, come_as):
    come_as(EVIL)
    text = words(open_page("overview", runtime=fake_runtime(**GATEWAY)))

    assert "![x](" not in text
    assert "<script" not in text.replace("\\<", "")


def test_a_viewer_sees_what_is_wrong_and_why_they_cannot_act(open_page, come_as, stage):
    come_as("carl")
    page = open_page("alerts", runtime=staged(stage.see(HOT)))

    for label in ("Ack", "Silence", "Note"):
        assert button(page, label).disabled
        assert button(page, label).help == "Only an operator may acknowledge, silence and write; carl is viewer."


def test_an_operator_acts_under_the_name_they_signed_in_by(open_page, come_as, stage):
    come_as("bo")
    page = open_page("alerts", runtime=staged(stage.see(HOT)))
    act(page, "Ack", Note="on my way")
    assert "Your name" not in [each.label for each in page.text_input]
    button(page, "Acknowledge").click().run()

    assert stage.engine.board().incidents[0].incident.ack.by == "bo"
    (entry,) = Audit(stage.history, stage.clock).newest()
    assert (entry.by, entry.signed_in, entry.act, entry.details) == ("bo", True, "acknowledge", "on my way")
    assert "Hot: GPU 3 on node001" in entry.subject


def test_a_button_pressed_in_spite_of_being_disabled_does_nothing_and_is_kept(open_page, come_as, stage):
    come_as("bo")
    page = open_page("alerts", runtime=staged(stage.see(HOT)))
    act(page, "Ack")
    come_as("carl")
    button(page, "Acknowledge").click().run()

    assert stage.engine.board().incidents[0].incident.ack is None
    assert "Only an operator may" in page.error[0].value.replace("\\", "")
    assert Audit(stage.history, stage.clock).newest()[0].act == "refused: acknowledge"


def test_rules_are_for_admins(open_page, come_as, stage):
    come_as("bo")
    page = open_page("alerts", runtime=staged(stage), tab="rules")
    assert button(page, "New rule").disabled
    come_as("ann")
    page = open_page("alerts", runtime=staged(stage), tab="rules")
    assert not button(page, "New rule").disabled


def test_without_sign_in_everybody_is_the_local_admin_and_the_typed_name_is_kept_as_unchecked(open_page, stage):
    page = open_page("alerts", runtime=staged(stage.see(HOT), sign_in="auto", proxy_secret=""))
    act(page, "Ack", **{"Your name": "Bo"})
    button(page, "Acknowledge").click().run()

    (entry,) = Audit(stage.history, stage.clock).newest()
    assert (entry.by, entry.signed_in) == ("Bo", False)


def test_a_list_of_viewers_keeps_others_out(open_page, come_as):
    come_as("carl")
    app = open_page("overview", runtime=fake_runtime(**GATEWAY | {"viewers": "dora"}))

    assert "node001" not in words(app)
    assert app.warning


def test_the_identity_providers_claims_name_who_is_here_if_they_are_verified(monkeypatch):
    claims = {"is_logged_in": True, "email": "Ann@Example.com", "email_verified": True, "preferred_username": "ann"}
    monkeypatch.setattr("watchdog.ui.who.runtime", lambda: fake_runtime(sign_in="oidc", admins="ann@example.com"))
    monkeypatch.setattr("watchdog.ui.who.has_oidc", lambda: True)

    class User:
        def __init__(self, **changes):
            self.changes = changes

        def to_dict(self):
            return claims | self.changes

    monkeypatch.setattr("streamlit.user", User())
    assert who.person() == who.Person("ann@example.com", Role.ADMIN, signed_in=True)
    for change in ({"email_verified": False}, {"is_logged_in": False}, {"email": None}):
        monkeypatch.setattr("streamlit.user", User(**change))
        assert who.person() == who.NOBODY


def test_a_public_address_without_sign_in_shows_nothing_even_under_streamlit_run(open_page, monkeypatch):
    monkeypatch.setattr("streamlit.get_option", lambda _: "0.0.0.0")
    app = open_page("overview")

    assert "without any sign\\-in" in app.error[0].value
    assert not app.metric


def test_what_changed_stands_on_the_data_health_page(open_page):
    runtime = fake_runtime()
    page = open_page("data_health", runtime=runtime)
    assert "Nobody has changed anything yet" in page.info[-1].value
    runtime.audit.record(who.Person("bo", Role.ADMIN, signed_in=False), "save rule", "rule hot", EVIL)
    table = open_page("data_health", runtime=runtime).dataframe[-1].value
    assert table.iloc[0].tolist()[1:] == ["bo (not signed in)", "save rule", "rule hot", EVIL]


def test_require_names_the_role_that_is_missing(come_as, monkeypatch):
    runtime = fake_runtime(**GATEWAY)
    monkeypatch.setattr("watchdog.ui.data.current", lambda: runtime)
    come_as("bo")
    assert who.require(Role.OPERATOR).name == "bo"
    with pytest.raises(ActionError, match="only an admin may"):
        who.require(Role.ADMIN)
    with pytest.raises(ActionError):
        carry_out(Deed("teardown", "pod 1", Role.ADMIN), lambda: pytest.fail("was done"))
    assert runtime.audit.kept[0].act == "refused: teardown"


def test_serve_refuses_a_public_address_without_sign_in_before_it_listens(monkeypatch):
    from watchdog import server

    monkeypatch.setattr(server, "build_app", lambda _: pytest.fail("it was built"))
    with pytest.raises(ConfigError, match="without any sign-in"):
        server.serve(Config(host="0.0.0.0"))
