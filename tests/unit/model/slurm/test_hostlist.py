import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchdog.base.errors import SourceFormatError
from watchdog.model.slurm.hostlist import MAX_NAMES, compress, expand


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("gpu[001-003,7]", ("gpu001", "gpu002", "gpu003", "gpu7")),
        ("a[1-2]b[0-1]-ib", ("a1b0-ib", "a1b1-ib", "a2b0-ib", "a2b1-ib")),
        ("login,gn[9-11],x", ("login", "gn9", "gn10", "gn11", "x")),
        ("[01-02]", ("01", "02")),
        ("n[099-101]", ("n099", "n100", "n101")),
        ("node[1-2],node[2-3]", ("node1", "node2", "node3")),
        ("cs2.example.company.com", ("cs2.example.company.com",)),
        ("", ()),
        ("(null)", ()),
        ("None assigned", ()),
        ("N/A", ()),
    ],
)
def test_a_list_is_expanded_in_its_order(text, names):
    assert expand(text) == names


@pytest.mark.parametrize("text", ["a[1-", "a[1", "a]1[", "a[[1-2]]", "a[x-y]", "a[3-1]", "a[1-²]", "a[]b[", "a[1-2"])
def test_a_broken_list_is_an_error_and_no_guess(text):
    with pytest.raises(SourceFormatError):
        expand(text)


@pytest.mark.parametrize("text", ["n[1-999999999]", "a[1-9999]b[1-9999]", "n[1-9999999999999999999]"])
def test_a_range_that_would_fill_the_memory_is_an_error(text):
    with pytest.raises(SourceFormatError):
        expand(text)


def test_a_thousand_nodes_are_no_problem():
    assert len(expand("gpu[0001-1000]")) == 1000
    assert len(expand(f"n[1-{MAX_NAMES}]")) == MAX_NAMES


def test_names_are_compressed_as_slurm_writes_them():
    assert compress(["gn004", "gn001", "gn002", "gn003"]) == "gn[001-004]"
    assert compress(["gpu7", "gpu001", "gpu002", "login"]) == "gpu[7,001-002],login"
    assert compress(["n9", "n10", "n11"]) == "n[9-11]"
    assert compress([]) == ""


NAMES = st.from_regex(r"[a-z]{0,3}[0-9]{0,4}(-ib[0-9]{0,2})?", fullmatch=True).filter(bool)


@given(st.sets(NAMES, max_size=40))
def test_expanding_what_was_compressed_gives_the_same_names(names):
    assert set(expand(compress(names))) == names


@given(st.text(alphabet="abz019[]-, ()\n²", max_size=40))
def test_no_text_ends_in_an_unforeseen_error(text):
    try:
        names = expand(text)
    except SourceFormatError:
        return
    assert len(names) == len(set(names))
