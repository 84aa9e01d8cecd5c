import pytest

from watchdog.base.errors import ConfigError
from watchdog.exporters.http import parse_listen
from watchdog.exporters.web import TlsFiles, read_token, read_web_config, tls_context


@pytest.mark.parametrize(
    ("text", "parts"),
    [("0.0.0.0:9400", ("0.0.0.0", 9400)), (":9400", ("", 9400)), ("[::]:9400", ("::", 9400)), ("gpu1:0", ("gpu1", 0))],
)
def test_addresses_to_listen_on(text, parts):
    assert parse_listen(text) == parts


@pytest.mark.parametrize("text", ["", "9400", "host", "host:", "host:x", "host:70000", "::1:9400", "host:-1", "host:٣"])
def test_addresses_that_are_none(text):
    with pytest.raises(ConfigError, match="--listen"):
        parse_listen(text)


def test_a_token_file_is_read_without_its_line_end(tmp_path):
    path = tmp_path / "token"
    path.write_text("s3cret\n")
    assert read_token(str(path)) == b"s3cret"
    assert read_token(None) == b""


def test_a_missing_or_empty_token_file_is_an_error_not_an_open_door(tmp_path):
    empty = tmp_path / "empty"
    empty.write_text(" \n")
    for path in (str(tmp_path / "none"), str(empty)):
        with pytest.raises(ConfigError) as caught:
            read_token(path)
        assert caught.value.hint


def config(tmp_path, text):
    path = tmp_path / "web.yml"
    path.write_text(text)
    return path


def test_a_web_config_gives_tls_files_relative_to_itself(tmp_path):
    path = config(
        tmp_path,
        "# TLS\n---\ntls_server_config:\n  cert_file: 'a.crt' # mine\n  key_file: /k/a.key\n\n  min_version: TLS13\n",
    )
    assert read_web_config(path) == TlsFiles(str(tmp_path / "a.crt"), "/k/a.key", "", "TLS13")


def test_an_empty_web_config_configures_nothing(tmp_path):
    assert read_web_config(config(tmp_path, "# nothing\n")) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("basic_auth_users:\n  a: b\n", "--token-file"),
        ("tls_server_config:\n  cert_fil: x\n", "Did you mean cert_file"),
        ("tls_server_config:\n  cert_file: x\n", "Add the missing"),
        (
            "tls_server_config:\n  cert_file: x\n  key_file: y\n  client_auth_type: RequestClientCert\n",
            "RequireAndVerify",
        ),
        ("tls_server_config:\n  cert_file: x\n  key_file: y\n  client_ca_file: z\n", "both or neither"),
        ("tls_server_config: {cert_file: x}\n", "Only tls_server_config"),
        ("tls_server_config:\n  - a\n", "Known:"),
        ("  cert_file: x\n", "Did you mean"),
    ],
)
def test_what_is_not_understood_is_refused(tmp_path, text, said):
    with pytest.raises(ConfigError) as caught:
        read_web_config(config(tmp_path, text))
    assert said in caught.value.hint


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((None, "k", None), "both or neither"),
        (("c", "k", "w"), "one of the two"),
        (("/none/c", "/none/k", None), "PEM"),
        ((None, None, "/none"), "path"),
    ],
)
def test_tls_options_that_cannot_work_are_errors_with_a_hint(options, said):
    with pytest.raises(ConfigError) as caught:
        tls_context(*options)
    assert said in caught.value.hint


def test_without_options_there_is_no_tls():
    assert tls_context(None, None, None) is None
