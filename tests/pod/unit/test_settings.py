"""What a pod is told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pod.settings import Settings, SettingsError, harmless, read_settings, secrets_of

LONG = "s" * 40
HEAD = {
    "WATCHDOG_ROLE": "head", "WATCHDOG_CLUSTER": "lab", "WATCHDOG_CLUSTER_SECRET": LONG, "WATCHDOG_GATEWAY_TOKEN": "t" * 40,
}  # fmt: skip
WORKER = {**HEAD, "WATCHDOG_ROLE": "worker", "WATCHDOG_HEAD": "abc.runpod.internal", "WATCHDOG_WORKER_INDEX": "3"}


def problems(**changed):
    with pytest.raises(SettingsError) as error:
        read_settings({**WORKER, **changed})
    return str(error.value).split("\n")


def test_a_head_and_a_worker_need_little():
    assert read_settings(HEAD).node_name == "lab-head"
    settings = read_settings(WORKER)
    assert (settings.node_name, settings.head, settings.worker_index) == ("lab-worker-3", "abc.runpod.internal", 3)
    assert (settings.gateway_port, settings.gpu_count, settings.interface) == (8080, None, "podnet1")


def test_all_problems_are_told_at_once():
    with pytest.raises(SettingsError) as error:
        read_settings({})
    told = str(error.value)
    assert all(name in told for name in ("ROLE", "CLUSTER", "CLUSTER_SECRET", "GATEWAY_TOKEN", "HEAD", "WORKER_INDEX"))


@pytest.mark.parametrize("name", ["WATCHDOG_CLUSTER_SECRET", "WATCHDOG_GATEWAY_TOKEN"])
def test_a_reference_to_a_secret_that_runpod_did_not_fill_in_is_refused(name):
    assert f"{name} is the reference to a RunPod secret that does not exist" in problems(
        **{name: "{{ RUNPOD_SECRET_of_the_cluster_that_nobody_made }}"}
    )


def test_a_profile_needs_a_key_and_a_worker_s_profile_counts_for_nothing():
    with pytest.raises(SettingsError, match="VLLM_API_KEY"):
        read_settings({**HEAD, "WATCHDOG_MODEL_PROFILE": "x"})
    assert read_settings({**WORKER, "WATCHDOG_MODEL_PROFILE": "x"}).model_profile == ""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WATCHDOG_ROLE", "both"), ("WATCHDOG_CLUSTER", "Lab"), ("WATCHDOG_CLUSTER", "lab\nSlurmUser=root"),
        ("WATCHDOG_HEAD", "a b"), ("WATCHDOG_HEAD", "-x"), ("WATCHDOG_HEAD", "a;b"), ("WATCHDOG_WORKER_INDEX", "-1"),
        ("WATCHDOG_WORKER_INDEX", ""), ("WATCHDOG_GATEWAY_PORT", "70000"), ("WATCHDOG_SLURMDBD", "a b"),
        ("WATCHDOG_GPU_COUNT", "two"), ("WATCHDOG_WORKER_INDEX", "²"), ("WATCHDOG_GATEWAY_TOKEN", "short"),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_is_named(name, value):
    (problem,) = problems(**{name: value})
    assert problem.startswith(name)


@given(st.text(max_size=80) | st.text('abcXYZ019._~+/=-"$;{}\n ', min_size=30, max_size=40))
def test_no_token_can_break_out_of_the_gateway_s_configuration(token):
    try:
        told = read_settings({**HEAD, "WATCHDOG_GATEWAY_TOKEN": token}).gateway_token
    except SettingsError:
        return
    assert set(told) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~+/=-")
    assert 32 <= len(told) <= 512


def test_secrets_are_in_no_repr_and_in_no_harmless_environment():
    environ = {
        **HEAD,
        "WATCHDOG_VLLM_API_KEY": "v" * 40,
        "HF_TOKEN": "hf_12345",
        "RUNPOD_API_KEY": "rp_12345",
        "X": "1",
    }
    settings = read_settings({**environ, "WATCHDOG_MODEL_PROFILE": "p"})
    hidden = secrets_of(environ)
    assert set(hidden) == {LONG, "t" * 40, "v" * 40, "hf_12345", "rp_12345"}
    assert not [secret for secret in hidden if secret in repr(settings) or secret in str(harmless(environ))]
    assert harmless(environ)["X"] == "1"
    assert isinstance(settings, Settings)
