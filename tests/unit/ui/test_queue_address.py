"""The queue's filters in the URL: whatever stands there, it is checked, and costs itself alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchdog.ui.queue_address import (
    LONGEST_NAME,
    LONGEST_SEARCH,
    MOST_NAMES,
    SHOWS,
    Chosen,
    parameters_of,
    read_chosen,
)

PRINTABLE = st.characters(exclude_categories=["C", "Z"])
NAMES = st.lists(st.text(PRINTABLE, min_size=1, max_size=40), max_size=5, unique=True).map(tuple)


def test_a_bare_url_filters_nothing():
    assert read_chosen({}) == Chosen()
    assert not any(parameters_of(Chosen()).values())


@given(st.sampled_from(SHOWS), st.text(PRINTABLE, max_size=LONGEST_SEARCH), NAMES, NAMES, NAMES)
def test_what_is_chosen_comes_back_from_its_url(show, search, users, accounts, partitions):
    chosen = Chosen(show, search, users, accounts, partitions)
    assert read_chosen(parameters_of(chosen)) == chosen


@given(st.dictionaries(st.sampled_from(["show", "search", "user", "account", "partition"]), st.lists(st.text())))
def test_no_url_breaks_the_queue(parameters):
    chosen = read_chosen(parameters)

    assert chosen.show in SHOWS
    for text in (chosen.search, *chosen.users, *chosen.accounts, *chosen.partitions):
        assert text.isprintable()
        assert len(text) <= LONGEST_NAME


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"show": ["<b>"]}, "The address has show='<b>'; known are all, pending, running, ended."),
        ({"search": ["x" * 81]}, "searches for what nobody can have typed (81 characters)"),
        ({"search": ["a\x00b"]}, "searches for what nobody can have typed"),
        ({"user": ["ada", "b\u202ed", "x" * 201]}, "2 names of a user that cannot be one"),
        ({"partition": [str(n) for n in range(21)]}, "21 names of a partition; the first 20"),
    ],
)
def test_what_is_wrong_gets_a_sentence(parameters, sentence):
    (problem,) = read_chosen(parameters).problems
    assert sentence in problem


def test_a_wrong_part_costs_itself_alone():
    chosen = read_chosen({"show": ["nonsense"], "user": ["ada", "", "ada"], "search": ["vit", "h100"]})

    assert (chosen.show, chosen.users, chosen.search) == ("all", ("ada",), "h100")


def test_a_name_with_a_comma_stays_one_name():
    assert read_chosen({"user": ["a,b"]}).users == ("a,b",)


def test_the_number_of_names_is_bounded():
    assert len(read_chosen({"user": [str(n) for n in range(999)]}).users) == MOST_NAMES
