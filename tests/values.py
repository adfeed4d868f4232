"""Whatever a Firestore document may hold, for hypothesis."""

import zoneinfo
from datetime import UTC, datetime

from hypothesis import strategies as st

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.datetimes(timezones=st.just(UTC))
    | st.sampled_from([datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)]),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=8), children, max_size=3),
    max_leaves=6,
)
"""A value of any type that Firestore has, zero and far times among them."""

time_zones = st.deferred(lambda: st.sampled_from(sorted(zoneinfo.available_timezones())))
"""The name of any time zone. They are looked up once: each look reads the head of every file of the database."""
