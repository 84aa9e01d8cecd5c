import pytest

from watchdog.base.config import Config, load_config
from watchdog.base.errors import ConfigError


def test_the_environment_wins_over_dotenv_and_dotenv_over_toml(tmp_path):
    (tmp_path / "watchdog.toml").write_text('port = 1\nhost = "toml"\nlog_level = "error"\n')
    (tmp_path / ".env").write_text("# a comment\nexport WATCHDOG_PORT=2\nWATCHDOG_HOST='dotenv'\n")

    config = load_config({"WATCHDOG_PORT": "3"}, tmp_path)

    assert (config.port, config.host, config.log_level) == (3, "dotenv", "error")


def test_an_unknown_setting_names_the_nearest_one(tmp_path):
    with pytest.raises(ConfigError, match="WATCHDOG_PROMETEUS_URL") as caught:
        load_config({"WATCHDOG_PROMETEUS_URL": "http://x"}, tmp_path)
    assert "prometheus_url" in caught.value.hint


def test_a_value_of_the_wrong_kind_names_the_setting_and_its_meaning(tmp_path):
    with pytest.raises(ConfigError, match="WATCHDOG_PORT in the environment is 'http', not a int") as caught:
        load_config({"WATCHDOG_PORT": "http"}, tmp_path)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("name", "value"), [("SOURCE", "graphite"), ("INTERVAL_SECONDS", "0"), ("DEMO_NODES", "0"), ("DEMO_SPEED", "-1")]
)
def test_an_impossible_value_is_refused(tmp_path, name, value):
    with pytest.raises(ConfigError):
        load_config({f"WATCHDOG_{name}": value}, tmp_path)


def test_a_secret_in_a_file_that_people_share_is_refused(tmp_path):
    (tmp_path / "watchdog.toml").write_text('prometheus_token = "s3cret"\n')
    with pytest.raises(ConfigError, match="is a secret") as caught:
        load_config({}, tmp_path)
    assert "s3cret" not in str(caught.value) + caught.value.hint


def test_secrets_do_not_show_in_the_repr():
    shown = repr(Config(prometheus_token="s3cret", prometheus_password="s3cret", targets_token="s3cret"))
    assert "s3cret" not in shown


def test_broken_toml_and_a_missing_named_file_are_clear_errors(tmp_path):
    (tmp_path / "watchdog.toml").write_text("port = = 1")
    with pytest.raises(ConfigError, match="is not TOML"):
        load_config({}, tmp_path)
    with pytest.raises(ConfigError, match=r"there is no .*other\.toml"):
        load_config({"WATCHDOG_CONFIG": str(tmp_path / "other.toml")}, tmp_path)


def test_an_empty_variable_means_the_default(tmp_path):
    assert load_config({"WATCHDOG_PORT": ""}, tmp_path).port == Config().port
