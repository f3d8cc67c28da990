"""Columns of a table of series: which is the recording, the time, the label ..., and which are channels."""

import re
import unicodedata

from kogen.common.text import hint, join_names
from kogen.data.datasets._table_columns import COLUMNS, NOTHING
from kogen.data.series.recording import Refused

SUBJECTS = ("subject", "subject_id", "patient", "patient_id", "person", "load", "side", "患者")
GROUPS = ("group", *COLUMNS["group"], *SUBJECTS)
UNITS = {"s": 1.0, "sec": 1.0, "seconds": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
# What columns may be called, in any case; the first name is kogen's own. A group of recordings is what may shift.
ROLES: dict[str, tuple[str, ...]] = {
    "recording": (
        "recording",
        "recording_id",
        "record",
        "record_id",
        "series",
        "series_id",
        "case",
        "case_id",
        "trial",
    ),
    "time": ("time", "t", "timestamp", "datetime", "date_time", "date", "seconds", "sec", "時刻", "時間", "日時"),
    "label": COLUMNS["label"],
    "cluster": tuple(word for word in COLUMNS["cluster"] if word not in GROUPS),
    "split": COLUMNS["split"],
    "group": GROUPS,
}
ROLES["time"] += tuple(f"time_{unit}" for unit in UNITS) + tuple(f"timestamp_{unit}" for unit in UNITS)


def choose_roles(names: list[str], asked: str | None, path: str) -> dict[str, int]:
    """Role to place of the columns that say something of the samples; all others are channels.

    By their names, but for the roles that are `asked` (`recording=NAME,time=NAME`, `NAME` none: no column).
    Refused where two columns could be meant, and for a role or a column that is not there.
    """
    places = _asked_roles(names, asked, path) if asked else {}
    plain = [plain_name(name) for name in names]
    taken = {place for place in places.values() if place is not None}
    for role, words in ROLES.items():
        if role in places:
            continue
        found = [place for place, name in enumerate(plain) if name in words and place not in taken]
        own = [place for place in found if plain[place] == role]
        found = own if len(own) == 1 else found
        if len(found) > 1:
            both = [names[place] for place in found]
            raise Refused(f"{path} has the columns {join_names(both)}: say which is the {role}, columns={role}=NAME")
        if found:
            places[role] = found[0]
            taken.add(found[0])
    return {role: place for role, place in places.items() if place is not None}


def time_unit(name: str) -> float:
    """Seconds of one unit of a column of times, by its name: `time_ms`, `time [us]`; others are in seconds."""
    last = plain_name(name).rpartition("_")[2]
    return UNITS.get(last, 1.0)


def plain_name(name: str) -> str:
    """The name of a column without case, and with underscores for spaces, hyphens and brackets."""
    return re.sub(r"[\s.()\[\]-]+", "_", unicodedata.normalize("NFKC", name).strip().casefold()).strip("_")


def _asked_roles(names: list[str], asked: str, path: str) -> dict[str, int | None]:
    """Role to place as it is asked, None for a role that no column has."""
    places: dict[str, int | None] = {}
    for part in asked.split(","):
        role, equals, name = (word.strip() for word in part.partition("="))
        if not equals or role not in ROLES or not name or role in places:
            wanted = f"write ROLE=NAME, each role once, with the roles {join_names(list(ROLES))}, and commas between"
            raise Refused(f"columns {asked}: {part!r} is wrong; {wanted}")
        same = [place for place, column in enumerate(names) if column == name]
        same = same or [place for place, column in enumerate(names) if plain_name(column) == plain_name(name)]
        if name == NOTHING and not same:
            places[role] = None
            continue
        if len(same) != 1:
            got = f"{path} has {'no column' if not same else f'{len(same)} columns'} {name!r}"
            raise Refused(f"columns {asked}: {got}; {hint(name, names)}")
        places[role] = same[0]
    return places
