"""Reading a bundle that may be hostile: its files are those of the format, as large as said, without other text."""

import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from kogen.common.contracts import from_plain
from kogen.common.files import check_regular_file
from kogen.common.registry import own_names
from kogen.common.tables import CLASSES, ROWS
from kogen.results.sharing.bundle_format import (
    FORMAT,
    MANIFEST,
    MEMBERS,
    NUMBER_TEXT,
    OWN,
    PREDICTIONS,
    RUNS,
    SCHEMAS,
    TABLES,
    WORDS,
    fits,
    text_columns,
)
from kogen.results.sharing.manifest import Manifest
from kogen.results.sharing.manifest_words import manifest_words

MOST_ZIP, MOST_FILE, MOST_TEXT = 1 << 30, 2 << 30, 1 << 20  # bytes: of the zip, of a table in it, of its manifest
MOST_ROWS, MOST_VALUES = 50_000_000, 64  # of a table, and in one of its lists
CURE = "ask the team for a bundle that `kogen share` wrote"
STEP = 1 << 20
VERSION_TEXT = re.compile(r"\d[\w.+]{0,30}", re.ASCII)
METRIC_TEXT = re.compile(rf"(?P<name>[a-z_]+)(?:\?(?:[a-z_]+={NUMBER_TEXT}&?)+)?", re.ASCII)
METADATA = {ROWS.decode(), CLASSES}


@dataclass(frozen=True, eq=False)
class Bundle:
    """A bundle that was read and held to its format."""

    path: Path
    manifest: Manifest
    classes: tuple[str, ...]  # in the order of the lists of probabilities; () where there are none
    tables: dict[str, Any]  # arrow; text as dictionaries

    @property
    def name(self) -> str:
        """What its file is called."""
        return self.path.stem


def read_bundle(path: Path) -> Bundle:
    """A bundle, read without writing anything. ValueError says what of it is not as the format wants it."""
    check_regular_file(path, MOST_ZIP)
    files = read_files(path)
    manifest = read_manifest(path, files)
    found, classes = {}, tuple[str, ...]()
    for name in TABLES:
        table, facts = read_part(path, name, files[name], manifest)
        found[name] = table
        classes = facts or classes
    bundle = Bundle(path, manifest, classes, found)
    check_whole(bundle)
    return bundle


def read_files(path: Path) -> dict[str, bytes]:
    """The files of the zip. ValueError unless they are those of the format, each no larger than it says and may be."""
    try:
        with zipfile.ZipFile(path) as archive:
            listed = archive.infolist()
            if sorted(one.filename for one in listed) != sorted(MEMBERS):
                odd = [one.filename[:60] for one in listed if one.filename not in MEMBERS]
                lacks = [name for name in MEMBERS if name not in {one.filename for one in listed}]
                got = f"has {odd[0]!r}" if odd else f"lacks {lacks[0]}" if lacks else "has a file twice"
                raise ValueError(f"{path} {got}: a bundle holds {', '.join(MEMBERS)} and nothing else; {CURE}")
            return {one.filename: read_member(path, archive, one) for one in listed}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        raise ValueError(f"{path} is no bundle that can be read ({type(error).__name__}: {error}); {CURE}") from error


def read_member(path: Path, archive: zipfile.ZipFile, about: zipfile.ZipInfo) -> bytes:
    """A file of the zip, read no further than it may be long, whatever the zip says of its length."""
    most = MOST_TEXT if about.filename in (MANIFEST, WORDS) else MOST_FILE
    if about.file_size > most:
        raise ValueError(f"{path}: {about.filename} has {about.file_size:,} bytes, at most {most:,} are read; {CURE}")
    parts, length = [], 0
    with archive.open(about) as content:
        while part := content.read(STEP):
            parts.append(part)
            length += len(part)
            if length > about.file_size:
                raise ValueError(f"{path}: {about.filename} is longer than the zip says; {CURE}")
    return b"".join(parts)


def read_manifest(path: Path, files: dict[str, bytes]) -> Manifest:
    """The manifest. ValueError for another format, for what is not its own, and where the text says another thing."""
    where = f"{path}: {MANIFEST}"
    try:
        plain = json.loads(files[MANIFEST])
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{where} is no JSON ({type(error).__name__}); {CURE}") from error
    given = plain.get("format") if isinstance(plain, dict) else None
    if given != FORMAT:
        raise ValueError(
            f"{where} says format {str(given)[:20]}, this kogen reads {FORMAT}: share it with this version"
        )
    manifest = from_plain(Manifest, plain, where)
    kept = manifest.keeps_names
    names = [("dataset", one.name) for one in manifest.sets]
    names += [("label", name) for one in manifest.sets for name in one.classes]
    names += [("protocol", name) for name in manifest.question.probes]
    names += [("budget", one.budget) for one in manifest.budgets]
    names += [("label", manifest.positive)] if manifest.positive is not None else []
    for column, name in names:
        if not fits(column, name, kept=kept):
            raise ValueError(f"{where} has {name[:40]!r} for a {column}, which is no code; {CURE}")
    metric = manifest.question.metric
    if not VERSION_TEXT.fullmatch(manifest.kogen) or not (metric is None or is_told_metric(metric)):
        raise ValueError(f"{where} has a version or a metric that is no word of kogen; {CURE}")
    if files[WORDS] != manifest_words(manifest).encode():
        raise ValueError(f"{path}: {WORDS} does not say what {MANIFEST} says; {CURE}")
    return manifest


def is_told_metric(metric: str) -> bool:
    """Whether a metric is one that a bundle may name: kogen's, with numbers for parameters, or `own`."""
    found = METRIC_TEXT.fullmatch(metric)
    return found is not None and found["name"] in (OWN, *own_names("metrics"))


def read_part(path: Path, name: str, content: bytes, manifest: Manifest) -> tuple[Any, tuple[str, ...]]:
    """A table of the bundle, and the classes that its lists are in the order of. ValueError as `read_bundle`."""
    where, said = f"{path}: {name}", manifest.tables.get(name)
    try:
        file = pq.ParquetFile(io.BytesIO(content), read_dictionary=[*text_columns(SCHEMAS[name])],
            page_checksum_verification=True)  # fmt: skip
        check_size(where, file.metadata, said.rows if said else None)
        table = file.read(use_threads=False)
    except (pa.ArrowException, OSError, MemoryError, OverflowError) as error:
        raise ValueError(f"{where} is no table that can be read ({type(error).__name__}); {CURE}") from error
    facts = {key.decode("utf-8", "replace"): value for key, value in (file.schema_arrow.metadata or {}).items()}
    if odd := sorted(set(facts) - METADATA):
        raise ValueError(f"{where} has a fact {odd[0][:40]!r} beside its rows; {CURE}")
    table = as_schema(where, table, SCHEMAS[name])
    for column in text_columns(SCHEMAS[name]):
        check_cells(where, table, column, kept=manifest.keeps_names)
    return table, read_classes(where, facts.get(CLASSES), manifest) if name == PREDICTIONS else ()


def check_size(where: str, about: Any, rows: int | None) -> None:
    """ValueError for more rows than the manifest says or are read, for lists that are too long, and for compression."""
    if about.num_rows != rows or about.num_rows > MOST_ROWS:
        raise ValueError(
            f"{where} has {about.num_rows:,} rows, the manifest says {rows} (at most {MOST_ROWS:,}); {CURE}"
        )
    for group in range(about.num_row_groups):
        part = about.row_group(group)
        for place in range(part.num_columns):
            column = part.column(place)
            if column.compression != "UNCOMPRESSED" or column.num_values > MOST_VALUES * max(part.num_rows, 1):
                raise ValueError(f"{where}: the column {column.path_in_schema[:40]!r} is packed or too long; {CURE}")


def as_schema(where: str, table: Any, schema: Any) -> Any:
    """The table, whose columns are those of the schema in their order; text stays as dictionaries. ValueError else."""
    if table.column_names != schema.names:
        odd = sorted(set(table.column_names) ^ set(schema.names))
        raise ValueError(f"{where} has other columns than wanted ({', '.join(name[:40] for name in odd[:3])}); {CURE}")
    for field, got in zip(schema, table.schema, strict=True):
        kind = got.type.value_type if pa.types.is_dictionary(got.type) or pa.types.is_list(got.type) else got.type
        wanted = field.type.value_type if pa.types.is_list(field.type) else field.type
        if kind != wanted or pa.types.is_list(field.type) != pa.types.is_list(got.type):
            raise ValueError(f"{where} has {got.type} in the column {field.name!r}, wanted {field.type}; {CURE}")
    return table.combine_chunks()


def check_cells(where: str, table: Any, column: str, *, kept: bool) -> None:
    """ValueError for a cell of text that is neither a code nor a word of kogen."""
    for text in distinct_texts(table, column):
        if not fits(column, text, kept=kept):
            raise ValueError(f"{where} has {text[:40]!r} in the column {column!r}, which is no code; {CURE}")


def distinct_texts(table: Any, column: str) -> Iterator[str]:
    """The texts that a column can show, those of its dictionary that no row uses too."""
    for chunk in table[column].chunks:
        try:
            texts = chunk.dictionary.to_pylist() if pa.types.is_dictionary(chunk.type) else chunk.unique().to_pylist()
        except UnicodeDecodeError as error:
            raise ValueError(f"the column {column!r} holds bytes that are no text; {CURE}") from error
        yield from (text for text in texts if text is not None)


def read_classes(where: str, fact: bytes | None, manifest: Manifest) -> tuple[str, ...]:
    """The classes in the order of the lists. ValueError for what is no list of the manifest's classes."""
    if fact is None:
        return ()
    known = {name for one in manifest.sets for name in one.classes}
    try:
        found = json.loads(fact)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list) or not set(map(str, found)) <= known or len(set(map(str, found))) < len(found):
        raise ValueError(f"{where} says classes that the manifest does not know; {CURE}")
    return tuple(map(str, found))


def check_whole(bundle: Bundle) -> None:
    """ValueError where tables contradict each other: runs that nobody describes, answers that are neither 0 nor 1."""
    rows, where = bundle.tables[PREDICTIONS], f"{bundle.path}: {PREDICTIONS}"
    known = {text for text in distinct_texts(bundle.tables[RUNS], "run")}
    if foreign := sorted(set(distinct_texts(rows, "run")) - known):
        raise ValueError(f"{where} has answers of {foreign[0]}, which {RUNS} does not describe; {CURE}")
    sets = {one.name for one in bundle.manifest.sets}
    if foreign := sorted(set(distinct_texts(rows, "dataset")) - sets):
        raise ValueError(f"{where} has answers on {foreign[0]}, which {MANIFEST} does not describe; {CURE}")
    for column in ("run", "model", "method", "seed", "dataset", "role", "protocol", "item", "cluster", "correct"):
        if rows[column].null_count:
            raise ValueError(f"{where} has empty cells in the column {column!r}; {CURE}")
    correct = rows["correct"].to_numpy()
    if not np.isin(correct, (0, 1)).all():
        raise ValueError(f"{where} has {correct[~np.isin(correct, (0, 1))][0]} in the column 'correct'; {CURE}")
    for column in ("score", "probabilities"):
        part = rows[column].combine_chunks()
        values = np.asarray((part.flatten() if column == "probabilities" else part.drop_null()).to_numpy(False))
        if len(values) and not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1):
            raise ValueError(f"{where} has numbers outside 0 to 1 in the column {column!r}; {CURE}")
