from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from watchdog.model.exposition import family_text, labels_text

label_values = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")
)


@given(label_values, st.floats(allow_nan=False))
def test_any_label_and_number_reads_back_as_it_was_written(label, value):
    text = family_text("m", "gauge", "A help \\ text\nof two lines.", [(labels_text({"l": label}), value)])
    (family,) = text_string_to_metric_families(text)
    (sample,) = family.samples
    assert sample.labels == {"l": label}
    assert sample.value == value


def test_a_family_without_samples_leaves_no_trace():
    assert family_text("m", "gauge", "help", []) == ""
