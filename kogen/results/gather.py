"""Gathering: the predictions of a study, one table, from those that each run wrote once."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq

from kogen.common.files import write_atomically
from kogen.common.speech.console import say
from kogen.common.speech.events import Caution
from kogen.common.tables import CLASSES, ROWS, SCHEMAS, read_arrow, write_arrow
from kogen.results.asked import read_asked

pc: Any = pyarrow.compute  # its functions are made at run time: type checkers do not know them

TABLE = "predictions.parquet"  # of a run, and of the study
CODE = "code"  # key of a run's table: digests of the code of probes of a user's own
JUDGED = "judged"  # key of a run's table: a digest of the images and labels of every set
KEY = ["dataset", "protocol", "budget", "draw", "item"]  # of a row among those of its run
REJUDGE = "delete it and run `kogen pilot` again: the run keeps its weights and is judged anew"
REGATHER = f"delete it: it is gathered anew from runs/*/{TABLE}, or from a pilot that is run again"


def gather_predictions(study: Path) -> None:
    """Write STUDY/predictions.parquet from those of its runs; rows of runs whose folder is gone stay.

    What an older version appended to the one table is given to its runs first, see `split_older_table`. ValueError for
    a table that is damaged, with what to do.
    """
    split_older_table(study)
    unequal = _unequal_answers(study)
    files, place = sorted(study.glob(f"runs/*/{TABLE}")), study / TABLE
    known = [file.parent.name for file in files]
    lost = _rows_of_others(place, known) if place.exists() and not _is_gathered(place, known) else None
    if not files:
        return
    more = [lost] if lost else []
    rows = sum(_count_own_rows(file, unequal) for file in files) + sum(map(len, more))
    schema = SCHEMAS["predictions"].with_metadata({ROWS: str(rows)} | shared_classes(files))

    def write(target: Path) -> None:
        with pq.ParquetWriter(target, schema, write_page_checksum=True) as writer:
            for table in more:
                writer.write_table(table.replace_schema_metadata(schema.metadata))
            for file in files:  # one at a time: all need not fit into memory
                table = _without(unequal, to_schema(read_arrow(file, REJUDGE, kind="predictions")))
                writer.write_table(table.replace_schema_metadata(schema.metadata))

    write_atomically(place, write)


def shared_classes(files: list[Path]) -> dict[bytes, bytes]:
    """The order of the classes in which the runs store probabilities, a file's fact; {} where they do not agree."""
    found = {(pq.read_schema(file).metadata or {}).get(CLASSES.encode(), b"") for file in files}
    return {CLASSES.encode(): found.pop()} if len(found) == 1 and found != {b""} else {}


def split_older_table(study: Path) -> None:
    """Give the rows of an older STUDY/predictions.parquet to the runs they are of, each row once.

    Older versions appended to this one table, and two processes at once could write a run's rows twice: those are
    taken once, and it is said. ValueError where a run has two answers for one image.
    """
    place = study / TABLE
    if not place.exists() or not (study / "runs").is_dir():
        return
    runs = [path.name for path in (study / "runs").iterdir() if path.is_dir() and not (path / TABLE).exists()]
    if not runs:
        return
    table = to_schema(read_arrow(place, REGATHER, kind="predictions"))
    for run in sorted(set(pc.unique(table["run"]).to_pylist()) & set(runs)):
        mine = table.filter(pc.equal(table["run"], run))
        rows = mine.to_pandas()
        lists = [field.name for field in mine.schema if pa.types.is_list(field.type)]
        plain = rows.assign(**{name: rows[name].map(lambda one: one if one is None else tuple(one)) for name in lists})
        once = rows[~plain.duplicated()]
        if once.duplicated(KEY).any():
            raise ValueError(f"{place} has two answers of the run {run} for one image; {REGATHER}")
        if len(once) < len(rows):
            twice = len(rows) - len(once)
            say(Caution(f"{place}: rows of the run {run} that stood twice, and are taken once: {twice}"))
        write_arrow(
            study / "runs" / run / TABLE, pa.Table.from_pandas(once, SCHEMAS["predictions"], preserve_index=False)
        )


def to_schema(table: Any) -> Any:
    """An arrow table with the columns of predictions in order; null in those that older versions did not write."""
    absent = [field for field in SCHEMAS["predictions"] if field.name not in table.column_names]
    for field in absent:
        table = table.append_column(field, pa.nulls(len(table), field.type))
    return table.select(SCHEMAS["predictions"].names)


def stored_code(table: Any) -> dict[str, str]:
    """The digests of the code of probes of a user's own that a run's table has answers of, `probe NAME`."""
    return json.loads((table.schema.metadata or {}).get(CODE.encode(), b"null")) or {}


def stored_digests(table: Any) -> dict[str, str]:
    """The digests of the sets that a run's table was judged on; none in one of an older version."""
    return json.loads((table.schema.metadata or {}).get(JUDGED.encode(), b"null")) or {}


def runs_in(table: Path) -> set[str]:
    """The runs whose rows a table of predictions has."""
    return set(pc.unique(read_arrow(table, REGATHER, columns=["run"])["run"]).to_pylist())


def count_unjudged(folder: Path) -> int:
    """How many runs that a folder of judged runs names have no answers there yet; 0 for the study of a pilot."""
    named = {Path(run).name for run in read_asked(folder).first.get("runs", ())}
    return max(0, len(named) - len(list(folder.glob(f"runs/*/{TABLE}"))))


def runs_judged_by(place: Path, protocol: str) -> tuple[set[str], set[str]]:
    """The runs with answers in a table of predictions, and those with answers by a protocol."""
    rows = read_arrow(place, REGATHER, columns=["run", "protocol"]).to_pandas().drop_duplicates()
    return set(rows["run"]), set(rows["run"][rows["protocol"] == protocol])


def _unequal_answers(study: Path) -> set[tuple[str, str]]:
    """Set and probe of the answers that some runs of an extended study have and others do not yet: they are left out.

    Models would be compared on them that were not judged alike; it is said.
    """
    if not read_asked(study).extensions:
        return set()
    found = []
    for file in sorted(study.glob(f"runs/*/{TABLE}")):
        table = read_arrow(file, REJUDGE, columns=["dataset", "protocol"]).to_pandas().drop_duplicates()
        found.append(set(zip(table.dataset, table.protocol, strict=True)))
    odd = set.union(set(), *found) - set.intersection(*found) if found else set()
    for name, probe in sorted(odd):
        count = sum((name, probe) in one for one in found)
        got = f"{name} ({probe}) is left out; runs judged on it so far: {count} of {len(found)}"
        say(Caution(f"{got}; `kogen pilot` with the same options judges the others"))
    return odd


def _without(unequal: set[tuple[str, str]], table: Any) -> Any:
    """The rows of a table but for those of some sets and probes."""
    for name, probe in unequal:
        table = table.filter(pc.invert(pc.and_(pc.equal(table["dataset"], name), pc.equal(table["protocol"], probe))))
    return table


def _count_own_rows(file: Path, unequal: set[tuple[str, str]]) -> int:
    """The number of a run's rows. ValueError where they are of another run than the one in whose folder they lie."""
    runs = _without(unequal, read_arrow(file, REJUDGE, columns=["run", "dataset", "protocol"]))["run"]
    if others := set(pc.unique(runs).to_pylist()) - {file.parent.name}:
        raise ValueError(
            f"{file} has the predictions of the run {sorted(others)[0]}, not those of its folder; {REJUDGE}"
        )
    return len(runs)


def _is_gathered(place: Path, known: list[str]) -> bool:
    """Whether a table has rows of these runs only; a damaged one has, as long as there are runs to gather it from."""
    try:
        return runs_in(place) <= set(known)
    except ValueError:
        if not known:
            raise
        say(Caution(f"{place} is damaged; it is gathered anew from the runs"))
        return True


def _rows_of_others(place: Path, known: list[str]) -> Any:
    """The rows of runs that are not `known`."""
    table = to_schema(read_arrow(place, REGATHER, kind="predictions"))
    return table.filter(pc.invert(pc.is_in(table["run"], pa.array(known, pa.string()))))
