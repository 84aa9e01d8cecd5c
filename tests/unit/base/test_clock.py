from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from watchdog.base.clock import FakeClock, SystemClock, floor_to

instants = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
steps = st.timedeltas(timedelta(seconds=1), timedelta(days=30))


@given(instants, steps)
def test_flooring_never_goes_up_never_far_and_twice_changes_nothing(instant, step):
    floored = floor_to(instant, step)
    assert floored <= instant < floored + step
    assert floor_to(floored, step) == floored


def test_the_system_clock_is_aware_and_in_utc():
    assert SystemClock().now().utcoffset() == timedelta()


def test_a_jump_moves_the_wall_clock_alone():
    clock = FakeClock(datetime(2026, 1, 1, tzinfo=UTC))
    clock.jump(timedelta(hours=-1))
    assert clock.now().year == 2025
    assert clock.monotonic() == 0.0
