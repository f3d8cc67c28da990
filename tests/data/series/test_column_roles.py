"""Columns of tables of series: what they are taken for, and which are asked about."""

import pytest

from kogen.data.series.column_roles import choose_roles, time_unit
from kogen.data.series.recording import Refused


@pytest.mark.parametrize(
    ("names", "asked", "roles"),
    [
        (["recording", "time", "a", "b"], None, {"recording": 0, "time": 1}),
        (["a", "Class", "Subject ID", "lot"], None, {"label": 1, "group": 2, "cluster": 3}),
        (["a", "b"], None, {}),
        (["a", "who", "time"], "recording=who,time=none", {"recording": 1}),
        (["label", "class"], None, {"label": 0}),
    ],
)
def test_roles_by_name_or_as_asked(names, asked, roles):
    assert choose_roles(names, asked, "t.csv") == roles


@pytest.mark.parametrize(
    ("names", "asked", "message"),
    [
        (["time_ms", "date"], None, "t.csv has the columns time_ms, date: say which is the time, columns=time=NAME"),
        (["a"], "time=b", "t.csv has no column 'b'"),
        (["a"], "path=a", "'path=a' is wrong; write ROLE=NAME, each role once, with the roles recording, time"),
        (["a", "b"], "time=a,time=b", "'time=b' is wrong"),
    ],
)
def test_what_is_not_clear_is_refused(names, asked, message: str):
    with pytest.raises(Refused, match=message):
        choose_roles(names, asked, "t.csv")


def test_the_unit_of_times_is_in_their_name():
    assert [time_unit(name) for name in ("time", "time_ms", "Time [us]", "timestamp (s)")] == [1, 1e-3, 1e-6, 1]
