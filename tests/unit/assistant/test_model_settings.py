"""Which model answers."""

from __future__ import annotations

import pytest

from watchdog.assistant.settings import ModelSettings, model_settings
from watchdog.base.config import Config, load_config
from watchdog.base.errors import ConfigError


def test_without_an_address_there_is_no_model():
    assert not model_settings(Config()).configured


def test_settings_come_from_the_environment(tmp_path):
    environ = {
        "WATCHDOG_ASSISTANT_BASE_URL": "http://head:8000/v1/",
        "WATCHDOG_ASSISTANT_MODEL": "nano",
        "WATCHDOG_ASSISTANT_API_KEY": "s3cret",
        "WATCHDOG_ASSISTANT_THINKING": "off",
        "WATCHDOG_ASSISTANT_STRICT": "off",
        "WATCHDOG_ASSISTANT_MAX_TOKENS": "512",
    }
    settings = model_settings(load_config(environ, tmp_path))
    assert settings == ModelSettings(
        "http://head:8000/v1", "nano", "s3cret", thinking="off", strict=False, max_tokens=512
    )
    assert "s3cret" not in repr(settings)


def test_an_address_is_told_without_what_may_be_secret_in_it():
    assert ModelSettings("https://user:s3cret@head:8000/v1?key=s3cret").address == "https://head:8000/v1"


@pytest.mark.parametrize(
    "wrong",
    [
        {"assistant_base_url": "head:8000"},
        {"assistant_thinking": "maybe"},
        {"assistant_strict": "true"},
        {"assistant_temperature": 3.0},
        {"assistant_max_tokens": 0},
        {"assistant_silence_seconds": 0.0},
    ],
)
def test_settings_that_cannot_be_are_refused_at_the_start(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Config(**wrong)
