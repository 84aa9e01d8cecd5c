"""The command line: what a person sees before saying yes, and what is said when something is wrong."""

from __future__ import annotations

import re
import time

import pytest

from infra import cluster, tokens
from infra.progress import Progress
from infra.status import status
from tests.infra.kit import A100, IMAGE, KEY, kit_at
from watchdog.base.errors import ConfigError


@pytest.fixture
def kit(tmp_path):
    with kit_at(tmp_path, start=time.time(), image=IMAGE) as made:
        yield made


@pytest.fixture
def run(kit, monkeypatch, capsys, tmp_path):
    """Run a command against the stand-in: exit code, stdout, stderr."""
    # A .env of this folder could hold a key that costs money.
    monkeypatch.chdir(tmp_path)

    def call(*words, **settings):
        import dataclasses

        chosen = dataclasses.replace(kit.office.settings, **settings)
        monkeypatch.setattr(cluster, "load_settings", lambda: chosen)
        code = cluster.main(list(words))
        return code, *capsys.readouterr()

    return call


def test_up_shows_the_price_an_hour_before_it_asks(kit, run):
    code, out, err = run("up", "--gpu", "A100 PCIe", "--workers", "3")
    # 4 x 1.79 = 7.16; 340 GB x 0.10 / 730 = 0.05
    assert code == 1
    assert "It will cost $7.21 an hour: $7.16 for GPUs, $0.05 for disks." in out
    assert "Rent it for $7.21 an hour?" in err
    assert "nobody is here to answer" in err
    assert kit.billed() == {}


def test_up_status_and_down_with_yes(kit, run):
    code, out, _ = run("up", "--yes", "--gpu", "A100 PCIe", "--workers", "1")
    assert code == 0
    assert "An app that is running reads it at its next start." in out
    assert "gpuwd-worker-0" in out
    code, out, _ = run("status")
    assert code == 0
    assert "2 pods, $3.58 an hour" in out
    assert run("status", "--json")[1].startswith('{"cluster":"gpuwd"')
    assert run("wait")[1] == "2 pods are ready.\n"
    assert "All in order: 2 pods of ours" in run("reconcile")[1]
    assert run("ssh", "worker-0", "--show")[1].startswith("ssh -p ")
    code, out, _ = run("down", "--yes")
    assert code == 0
    assert "Nothing of cluster gpuwd is on the bill" in out
    assert kit.billed() == {}


def test_status_says_when_a_cluster_has_passed_the_budget_it_was_rented_with(kit):
    kit.up(gpus=("A100 PCIe",), workers=0, hours=1, max_total=2)
    assert "OVER BUDGET" not in status_text(kit)
    kit.fake.clock.advance(2 * 3600)
    assert re.search(r"OVER BUDGET: \$3\.\d\d so far is above --max-total \$2\.00\.", status_text(kit))


def status_text(kit):
    runpod = kit.office.runpod()
    return status("gpuwd", runpod.pods(), kit.book(), runpod.balance(), kit.office.clock.now()).text()


def test_down_without_an_answer_returns_nothing_and_says_so(kit, run):
    run("up", "--yes", "--workers", "0")
    code, out, _ = run("down")
    assert (code, len(kit.billed())) == (1, 1)
    assert "it goes on costing" in out


def test_reconcile_returns_only_what_it_named_and_was_told_to(kit, run):
    run("up", "--yes", "--workers", "0")
    stray = kit.strange_pod("gpuwd-worker-5", kit.owner())
    cloned = kit.strange_pod("my-own", kit.owner())
    code, out, _ = run("reconcile")
    assert code == 1
    assert f"UNRECORDED: gpuwd-worker-5 ({stray}), $1.79 an hour" in out
    assert f"UNMARKED: my-own ({cloned})" in out
    assert run("reconcile", "--return-id", "nonsense", "--yes")[0] == 3
    run("reconcile", "--return", "--yes")
    assert stray not in kit.billed()
    assert cloned in kit.billed()
    code, out, _ = run("reconcile", "--return-id", cloned, "--yes")
    assert code == 0
    assert cloned not in kit.billed()


@pytest.mark.parametrize(
    ("words", "settings", "code", "said"),
    [
        (["up", "--gpu", "A1000"], {}, 3, "there is no GPU type 'A1000'"),
        (["up", "--workers", "-2"], {}, 2, "workers is -2"),
        (["up", "--gpu-count", "0"], {}, 2, "gpu-count is 0"),
        (["up", "--gpu", "A100 PCIe", "--max-price", "1"], {}, 3, "is above --max-price $1.00"),
        (["up", "--max-hourly", "1"], {}, 3, "is above --max-hourly $1.00"),
        (["up", "--max-total", "2"], {}, 3, "is above --max-total $2.00"),
        (["up"], {"image": ""}, 2, "no image is named"),
        (["status"], {"key": "wrong"}, 3, "KeyRefused: RunPod would not list pods (401)"),
        (["up"], {"key": "wrong"}, 3, "(401)"),
        (["ssh", "worker-9"], {}, 3, "there is no gpuwd-worker-9"),
        (["wait"], {}, 3, "has no pods"),
    ],
)
def test_wrong_input_gets_a_clear_word_and_rents_nothing(kit, run, words, settings, code, said):
    got, out, err = run(*words, **settings)
    assert (got, said in err) == (code, True), out + err
    assert "Traceback" not in err
    assert kit.account.pods == {}


def test_no_balance_gets_a_clear_word(kit, run):
    kit.account.credit = 0.5
    code, _, err = run("up", "--yes")
    assert code == 3
    assert "the balance is $0.50; an hour of everything would cost $" in err
    assert "Add credit" in err


def test_a_key_never_shows_even_when_somebody_sends_it_back(kit, run):
    kit.fake.faults.refuse("GET", "/v2/pods", 400, detail=f"bad key {KEY}")
    _, out, err = run("status")
    assert KEY not in out + err
    assert "***" in err


def test_the_estimate_needs_no_key(run):
    code, out, _ = run("cost", "--estimate", "--workers", "1", key="")
    assert code == 0
    assert "2026-11-09" in out
    for name in ("RTX 4090", "A100 SXM", "H100 SXM"):
        assert name in out


def test_the_estimate_takes_todays_prices_where_there_is_a_key(kit, run):
    kit.account.set_price(A100, secure=9.99)
    _, out, _ = run("cost", "--estimate")
    assert "9.99" in out
    assert "RunPod's catalogue, now" in out


def test_the_estimate_falls_back_to_the_table_and_says_why(run):
    code, out, _ = run("cost", "--estimate", key="wrong")
    assert code == 0
    assert "RunPod's own could not be read" in out


def test_without_a_key_all_happens_at_a_stand_in_under_a_banner(run, monkeypatch):
    monkeypatch.setattr("infra.dryrun._terraform_env", dict)
    code, out, _ = run("up", "--workers", "1", key="")
    assert code == 0
    assert out.startswith("+---")
    assert "DRY RUN" in out
    assert "It will cost" in out
    assert "Nothing of cluster gpuwd is on the bill" in out


def test_a_failure_says_whether_anything_goes_on_costing(kit, run):
    kit.fake.faults.refuse("POST", "/v2/pods", 402, detail="insufficient balance")
    code, out, err = run("up", "--yes", "--gpu", "A100 PCIe")
    assert (code, out.splitlines()[-1]) == (3, "Nothing of cluster gpuwd is rented.")
    assert "Payment: RunPod would not rent gpuwd-head (402): insufficient balance" in err
    run("up", "--yes", "--gpu", "A100 PCIe", "--workers", "0")
    kit.account.stock[A100] = 0
    code, out, _ = run("up", "--yes", "--gpu", "A100 PCIe", "--workers", "1")
    assert (code, out.splitlines()[-1]) == (3, "Still rented, $1.79 an hour: gpuwd-head.")


def test_the_question_names_the_dearest_that_may_come(kit, run):
    # 1 pod: 1.79 or 3.99, and 160 GB x 0.10 / 730 = 0.02
    _, out, err = run("up", "--gpu", "any-of:A100 PCIe,H100 SXM", "--workers", "0")
    assert "It will cost $1.81 (at most $4.01) an hour" in out
    assert "Rent it for $1.81 (at most $4.01) an hour?" in err


def test_tokens_are_made_here_only_when_asked_for_and_are_the_owners_alone(kit, run):
    folder = kit.office.settings.state / "gpuwd"
    run("plan")
    assert not (folder / "secrets.json").exists()
    run("plan", "--secrets", "local", hf_token="hf_abcdefghijklmnopqrstuvwxyz012345")
    made = tokens.read(folder)
    assert set(made) == {"WATCHDOG_CLUSTER_SECRET", "WATCHDOG_GATEWAY_TOKEN", "WATCHDOG_VLLM_API_KEY", "HF_TOKEN"}
    assert all(len(value) >= 32 for value in made.values())
    assert (folder / "secrets.json").stat().st_mode & 0o077 == 0
    run("plan", "--secrets", "local", hf_token="hf_abcdefghijklmnopqrstuvwxyz012345")
    assert tokens.read(folder) == made


def test_a_command_line_that_is_wrong_ends_with_two(run):
    with pytest.raises(SystemExit) as caught:
        run("up", "--workers", "many")
    assert caught.value.code == 2


def test_the_bar_is_drawn_over_itself_on_a_terminal():
    import io

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    out = Terminal()
    progress = Progress(out)
    progress.waiting(1, 2, 65, "gpuwd-head: container")
    progress.say("done")
    assert "[##########..........] 1 of 2 ready, 1:05, waiting for gpuwd-head: container" in out.getvalue()
    assert out.getvalue().endswith("\r\x1b[Kdone\n")


def test_a_setting_that_is_none_ends_with_two(run, monkeypatch, capsys):
    def refuse():
        raise ConfigError("RUNPOD_API_KEY holds characters that no key has", hint="Copy it again.")

    run("key")
    monkeypatch.setattr(cluster, "load_settings", refuse)
    assert cluster.main(["status"]) == 2
    assert "Copy it again." in capsys.readouterr().err
