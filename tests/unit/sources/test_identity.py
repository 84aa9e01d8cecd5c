"""Labels of every dialect name the same hardware in the same way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchdog.model.metrics import Dialect
from watchdog.sources.identity import LONGEST, Inventory, identify, short_node

UUID = "GPU-5b4e07f6-3a86-4340-039d-25f2a83cdc43"
DCGM = {"gpu": "3", "UUID": UUID, "modelName": "NVIDIA L40S", "Hostname": "node01.cluster.example"}


def who(labels, **options):
    return identify(labels, options.pop("inventory", Inventory()), **options)


def test_dcgm_labels_name_node_gpu_and_model():
    got = who(DCGM)
    assert (got.node, got.gpu_uuid, got.gpu_index, got.gpu_model, got.part) == ("node01", UUID, 3, "NVIDIA L40S", "")


@pytest.mark.parametrize("label", ["Hostname", "hostname", "exported_hostname"])
def test_the_node_is_found_under_every_spelling(label):
    assert who({"gpu": "0", "UUID": UUID, label: "n1.example", "instance": "10.0.0.1:9400"}).node == "n1"


@pytest.mark.parametrize("label", ["UUID", "gpu_uuid", "uuid"])
def test_the_uuid_is_found_under_every_spelling(label):
    assert who({"gpu": "0", label: UUID}).gpu_uuid == UUID


def test_nvidia_gpu_exporter_s_bare_uuid_gets_its_prefix_and_its_index_from_the_info_series():
    inventory = Inventory()
    bare = UUID.removeprefix("GPU-")
    assert inventory.learn("nvidia_smi_gpu_info", {"uuid": bare, "index": "5", "name": "NVIDIA H200"})
    assert not inventory.learn("nvidia_smi_gpu_info", {"uuid": bare, "index": "5", "name": "NVIDIA H200"})
    got = who({"uuid": bare, "instance": "node07:9835"}, inventory=inventory, dialect=Dialect.NVIDIA_GPU_EXPORTER)
    assert (got.node, got.gpu_uuid, got.gpu_index, got.gpu_model) == ("node07", UUID, 5, "NVIDIA H200")


def test_a_gpu_without_uuid_is_known_by_its_place():
    assert who({"gpu": "2", "Hostname": "node01"}).gpu_uuid == "node01/2"


def test_a_series_about_no_gpu_is_nobody_s():
    assert who({"nvswitch": "1", "hostname": "node01"}) is None


def test_a_mig_instance_is_a_part_where_the_metric_is_its_own():
    labels = DCGM | {"GPU_I_PROFILE": "1g.10gb", "GPU_I_ID": "7"}
    assert who(labels).part == "mig=1g.10gb/7"
    assert who(labels, per_instance=False).part == ""


def test_links_and_counted_xids_are_parts():
    assert who(DCGM | {"nvlink": "3"}).part == "link=3"
    assert who(DCGM | {"xid": "79"}, dialect=Dialect.WATCHDOG).part == "xid=79"


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("node01", "node01"),
        ("node01.a.b", "node01"),
        ("node01.a.b:9400", "node01"),
        ("10.0.0.7:9400", "10.0.0.7"),
        ("10.0.0.7", "10.0.0.7"),
        ("[fe80::1]:9400", "fe80::1"),
        ("::1", "::1"),
        ("", "unknown"),
    ],
)
def test_nodes_have_short_names_and_addresses_stay_whole(name, short):
    assert short_node(name) == short


@given(st.dictionaries(st.sampled_from(["gpu", "UUID", "Hostname", "modelName", "GPU_I_ID", "nvlink"]), st.text()))
def test_hostile_labels_are_kept_but_cut(labels):
    got = who(labels)
    if got is not None:
        assert max(map(len, (got.node, got.gpu_model, got.part))) <= LONGEST
        assert got.node
        assert got.gpu_uuid


def test_ten_kilobytes_of_label_are_cut():
    assert len(who(DCGM | {"modelName": "💥" * 10_000}).gpu_model) == LONGEST
