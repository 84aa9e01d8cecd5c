import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchdog.base.errors import SourceFormatError
from watchdog.model.slurm.gres import Gres, gpus, gres, memory_bytes, places, tres, tres_gpus

MIB = 2**20


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gpu:h100:4(S:0-1)", (Gres("gpu", "h100", 4),)),
        ("gpu:model_a:4(S:0,2-3)", (Gres("gpu", "model_a", 4),)),
        ("gpu:4", (Gres("gpu", "", 4),)),
        ("gpu:nvidia_a100_1g.5gb:21", (Gres("gpu", "nvidia_a100_1g.5gb", 21),)),
        ("gpu:h100:2(IDX:0,3)", (Gres("gpu", "h100", 2, (0, 3)),)),
        ("gpu:h100:5(IDX:0-3,5)", (Gres("gpu", "h100", 5, (0, 1, 2, 3, 5)),)),
        ("gpu:h100:0(IDX:N/A)", (Gres("gpu", "h100", 0),)),
        ("gpu(IDX:0-1)", (Gres("gpu", "", 2, (0, 1)),)),
        ("gres:gpu:2", (Gres("gpu", "", 2),)),
        ("gres/gpu:h100:2", (Gres("gpu", "h100", 2),)),
        ("gpu:a:2(S:0),gpu:b:1(S:1),shard:8", (Gres("gpu", "a", 2), Gres("gpu", "b", 1), Gres("shard", "", 8))),
        ("mps:4K", (Gres("mps", "", 4096),)),
        ("(null)", ()),
        ("", ()),
        ("N/A", ()),
    ],
)
def test_generic_resources_are_read(text, expected):
    assert gres(text) == expected


def test_gpus_of_all_types_are_summed_and_others_left_out():
    assert gpus(gres("gpu:a:2(IDX:0-1),gpu:b:1(IDX:3),shard:8")) == (3, (("a", 2), ("b", 1)), (0, 1, 3))


@pytest.mark.parametrize("text", ["gpu:h100:", "gpu:2(IDX:0-", "gpu:2(IDX:x)", "gpu:2(IDX:0-99999)"])
def test_a_list_that_was_cut_off_is_an_error_or_loses_its_places_only(text):
    with contextlib.suppress(SourceFormatError):
        assert gpus(gres(text))[2] == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cpu=4,mem=16G,node=1,billing=4,gres/gpu=2,gres/gpu:h100=2", (2, "h100")),
        ("billing=4,gres/gpu:h100=1,gres/gpu=1", (1, "h100")),
        ("cpu=1,gres/gpu=4", (4, "")),
        ("cpu=1,gres/gpu:a=1,gres/gpu:b=2", (3, "a+b")),
        ("cpu=1,mem=1G", (0, "")),
        ("gres:gpu:h100:4", (4, "h100")),
        ("gres/gpu:0", (0, "")),
        ("N/A", (0, "")),
        ("", (0, "")),
    ],
)
def test_gpus_of_a_job_are_found_in_its_tres(text, expected):
    assert tres_gpus(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("8000Mn", 8000 * MIB),
        ("4Gc", 4096 * MIB),
        ("2.5T", 2.5 * 2**40),
        ("1000", 1000 * MIB),
        ("151K", 151 * 1024),
        ("0", 0),
        ("62.50G", 62.5 * 2**30),
        ("", None),
        ("N/A", None),
        ("?", None),
    ],
)
def test_memory_is_told_in_bytes(text, expected):
    assert memory_bytes(text) == expected


@pytest.mark.parametrize("text", ["lots", "1.2.3G", "-1G", "5X", "²"])
def test_other_amounts_of_memory_are_errors(text):
    with pytest.raises(SourceFormatError):
        memory_bytes(text)


@given(st.lists(st.integers(0, 63), unique=True).map(sorted))
def test_written_places_read_back(indexes):
    assert places(",".join(map(str, indexes))) == tuple(indexes)


@given(st.text(alphabet="gpu:h100(IDXS-,/=)mem0123456789KMG.²\n ", max_size=40))
def test_no_text_ends_in_an_unforeseen_error(text):
    for reader in (gres, tres, tres_gpus, memory_bytes, places):
        try:
            reader(text)
        except SourceFormatError:
            continue
