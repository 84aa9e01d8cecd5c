import pandas as pd
import pytest

from tests.unit.samples import samples
from watchdog.base.errors import ContractError
from watchdog.model.frames import SAMPLES, concat


def test_an_empty_frame_meets_its_own_contract():
    assert SAMPLES.check(SAMPLES.empty()).empty


def test_naive_timestamps_are_refused():
    frame = samples(1)
    naive = frame.assign(sampled_at=frame["sampled_at"].dt.tz_localize(None))
    with pytest.raises(ContractError, match="sampled_at is datetime64"):
        SAMPLES.check(naive)


def test_two_values_of_one_series_at_one_instant_are_refused():
    with pytest.raises(ContractError, match="duplicate keys"):
        SAMPLES.check(concat(SAMPLES, [samples(1), samples(1)]))


def test_frames_with_other_categories_are_joined_without_losing_a_dtype():
    joined = concat(SAMPLES, [samples(1, gpu="GPU-a"), samples(2, gpu="GPU-b")])
    assert SAMPLES.check(joined)["gpu_uuid"].tolist() == ["GPU-a", "GPU-b", "GPU-b"]


def test_joining_nothing_gives_an_empty_frame_with_every_column():
    pd.testing.assert_frame_equal(concat(SAMPLES, []), SAMPLES.empty())
