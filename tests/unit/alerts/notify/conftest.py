from __future__ import annotations

import pytest

from tests.unit.alerts.notify.post import Post


@pytest.fixture
def post_of(tmp_path):
    """Makes a `Post`; its file is closed at the end."""
    made = []

    def make(*channels, **options):
        made.append(Post(tmp_path, *channels, **options))
        return made[-1]

    yield make
    for each in made:
        each.history.close()
