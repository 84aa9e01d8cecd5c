"""Cutting questions: nothing is asked twice, nothing is left out."""

import re
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from watchdog.model.telemetry import EVERYWHERE, Where
from watchdog.sources.promql import Selector, escaped, halves, quoted, selectors
from watchdog.sources.windows import Piece

SECOND = 1_000_000
spans = st.tuples(st.integers(0, 10**15), st.integers(1, 10**12))


def leaves(piece):
    halved = piece.halved()
    return [leaf for half in halved for leaf in leaves(half)] if halved else [piece]


def joined(pieces, since, until):
    """Whether the pieces make [since, until), end to start."""
    edges = [(piece.since, piece.until) for piece in pieces]
    return edges[0][0] == since and edges[-1][1] == until and all(a[1] == b[0] for a, b in pairwise(edges))


@given(spans)
def test_chunks_of_samples_make_the_window(span):
    since, until = span[0], span[0] + span[1]
    assert joined(Piece(Selector("m"), since, until).chunks(), since, until)


@given(st.integers(0, 10**6), st.integers(1, 30_000), st.sampled_from([15, 60, 3600]))
def test_chunks_of_buckets_make_the_window_and_stay_under_the_limit_of_points(first, count, step):
    length = step * SECOND
    since, until = first * length, (first + count) * length
    chunks = Piece(Selector("m"), since, until, length, "avg_over_time", length).chunks()
    assert joined(chunks, since, until)
    assert all((chunk.until - chunk.since) // length <= 11_000 for chunk in chunks)
    assert all(chunk.since % length == 0 for chunk in chunks)


@given(st.integers(0, 10**6), st.integers(1, 300))
def test_halving_ends_at_single_buckets_and_never_overlaps_in_time(first, count):
    step = 60 * SECOND
    piece = Piece(Selector("m"), first * step, (first + count) * step, step, "avg_over_time", step, digits="0")
    assert joined(leaves(piece), piece.since, piece.until)
    assert all(leaf.until - leaf.since == step for leaf in leaves(piece))


def matches(matchers, labels):
    """As a server applies them."""
    for matcher in matchers:
        label, operator, pattern = re.fullmatch(r'(\w+)(=~|!~|=|!=)"(.*)"', matcher).groups()
        pattern, value = pattern.replace("\\\\", "\\"), labels.get(label, "")
        hit = value == pattern if operator in ("=", "!=") else re.fullmatch(pattern, value) is not None
        if hit == operator.startswith("!"):
            return False
    return True


@given(
    st.sampled_from(["UUID", "uuid", "gpu_uuid"]), st.text("0123456789abcdef-", min_size=1, max_size=9), st.booleans()
)
def test_each_series_is_in_exactly_one_half_at_every_depth(label, uuid, prefixed):
    labels = {label: f"GPU-{uuid}" if prefixed else uuid}
    todo = [((), "0123456789abcdef")]
    for _ in range(4):
        todo = [half for matchers, digits in todo for half in halves(matchers, digits)]
        assert sum(matches(matchers, labels) for matchers, _ in todo) == 1


def test_series_without_a_uuid_are_in_some_half():
    assert any(matches(matchers, {"gpu": "0"}) for matchers, _ in halves(()))


def test_too_fine_a_split_is_none():
    assert halves((), "f") == ()


@given(st.sampled_from(["Hostname", "hostname", "instance"]), st.sampled_from(["", ".a.b"]), st.booleans())
def test_each_series_of_a_node_is_matched_by_exactly_one_selector(label, domain, port):
    value = f"n1{domain}" + (":9400" if port and label == "instance" else "")
    found = selectors("m", Where(nodes=("n1", "n2")), ["Hostname", "hostname", "instance"])
    assert sum(matches(s.matchers, {label: value}) for s in found) == 1
    assert not any(matches(s.matchers, {label: f"x{value}"}) for s in found)


def test_a_gpu_is_matched_in_either_spelling():
    (selector,) = selectors("m", Where(gpus=("GPU-ab",)), ["uuid"])
    assert matches(selector.matchers, {"uuid": "ab"})
    assert matches(selector.matchers, {"uuid": "GPU-ab"})
    assert not matches(selector.matchers, {"uuid": "GPU-abc"})


def test_no_filter_and_long_filters_ask_for_everything():
    assert selectors("m", EVERYWHERE, ["UUID"]) == [Selector("m")]
    assert selectors("m", Where(gpus=tuple(f"GPU-{n}" for n in range(999))), ["UUID"]) == [Selector("m")]


@given(st.text(max_size=20))
def test_hostile_text_in_a_pattern_matches_only_itself(text):
    assert re.fullmatch(escaped(text), text)
    assert "\n" not in quoted(text)
    assert not re.search(r'(?<!\\)(\\\\)*"', quoted(text)[1:-1])
