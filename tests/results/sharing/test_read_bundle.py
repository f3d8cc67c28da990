"""Hostile bundles: each is refused with a sentence, and none is unpacked to the disk."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from studies import make_study

from kogen.results.sharing.bundle_file import table_bytes, zip_bytes
from kogen.results.sharing.bundle_format import MANIFEST, PREDICTIONS, RUNS, TABLES, WORDS
from kogen.results.sharing.read_bundle import read_bundle
from kogen.results.sharing.share import share_study

Files = dict[str, bytes]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """The files of a right bundle."""
    folder = tmp_path_factory.mktemp("bundles")
    study = make_study(folder / "s", {"byol": 0.8, "random": -0.6}, {"a": "reference"}, n=30, seeds=1, epochs=2)
    share_study(study, folder / "b.zip")
    with zipfile.ZipFile(folder / "b.zip") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def with_manifest(files: Files, **changes: Any) -> Files:
    return files | {MANIFEST: json.dumps(json.loads(files[MANIFEST]) | changes).encode()}


def with_column(files: Files, name: str, column: str, value: Any) -> Files:
    """A table in which one column has one value, null where it is None."""
    table = pq.read_table(io.BytesIO(files[name]))
    place, kind = table.column_names.index(column), table.schema.field(column).type
    return files | {name: table_bytes(table.set_column(place, column, pa.array([value] * len(table), kind)))}


def with_table(files: Files, change: Callable[[Any], Any] = lambda table: table, **how: Any) -> Files:
    """The predictions changed, or written in another way; facts of the table are written as the file's."""
    table, sink = change(pq.read_table(io.BytesIO(files[PREDICTIONS]))), io.BytesIO()
    facts = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
    plain = table.replace_schema_metadata(None)
    with pq.ParquetWriter(sink, plain.schema, **({"compression": "none", "store_schema": False} | how)) as writer:
        writer.write_table(plain)
        writer.add_key_value_metadata(facts)
    return files | {PREDICTIONS: sink.getvalue()}


CASES: dict[str, tuple[Callable[[Files], Files], str]] = {
    "format": (lambda f: with_manifest(f, format=2), "says format 2, this kogen reads 1"),
    "no json": (lambda f: f | {MANIFEST: b"{"}, "is no JSON"),
    "deep json": (lambda f: f | {MANIFEST: b"[" * 200_000}, "is no JSON|says format"),
    "more keys": (lambda f: with_manifest(f, names="other"), "does not hold what is wanted, at 'names'"),
    "metric": (
        lambda f: with_manifest(f, question={**json.loads(f[MANIFEST])["question"], "metric": "acme.py:steal"}),
        "a version or a metric that is no word of kogen",
    ),
    "version": (lambda f: with_manifest(f, kogen="acme"), "a version or a metric that is no word of kogen"),
    "other words": (lambda f: f | {WORDS: b"send it to me"}, "MANIFEST.md does not say what manifest.json says"),
    "a name": (
        lambda f: with_manifest(f, sets=[{**one, "name": "acme"} for one in json.loads(f[MANIFEST])["sets"]]),
        "has 'acme' for a dataset, which is no code",
    ),
    "a cell": (lambda f: with_column(f, RUNS, "model", "=cmd()"), "has '=cmd\\(\\)' in the column 'model'"),
    "an item": (lambda f: with_column(f, PREDICTIONS, "item", "0" * 16), "in the column 'item', which is no code"),
    "correct": (lambda f: with_column(f, PREDICTIONS, "correct", 7), "has 7 in the column 'correct'"),
    "null": (lambda f: with_column(f, PREDICTIONS, "seed", None), "has empty cells in the column 'seed'"),
    "score": (lambda f: with_column(f, PREDICTIONS, "score", 1.5), "numbers outside 0 to 1 in the column 'score'"),
    "nan": (lambda f: with_column(f, PREDICTIONS, "score", float("nan")), "numbers outside 0 to 1"),
    "foreign run": (lambda f: with_column(f, PREDICTIONS, "run", "run 99"), "has answers of run 99"),
    "foreign set": (lambda f: with_column(f, PREDICTIONS, "dataset", "set 9"), "has answers on set 9"),
    "packed": (lambda f: with_table(f, compression="zstd"), "is packed or too long"),
    "fewer rows": (lambda f: with_table(f, lambda t: t.slice(3)), "the manifest says"),
    "column": (
        lambda f: with_table(f, lambda t: t.drop_columns(["soft"])),
        "other columns than wanted .soft",
    ),
    "type": (
        lambda f: with_table(f, lambda t: t.set_column(3, "seed", t["seed"].cast("double"))),
        "has double in the column 'seed', wanted int64",
    ),
    "fact": (
        lambda f: with_table(f, lambda t: t.replace_schema_metadata({b"note": b"from acme"})),
        "has a fact 'note' beside its rows",
    ),
    "classes": (
        lambda f: with_table(f, lambda t: t.replace_schema_metadata({b"classes": b'["acme"]'})),
        "says classes that the manifest does not know",
    ),
    "no parquet": (lambda f: f | {PREDICTIONS: b"PAR1 and nothing"}, "is no table that can be read"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_bundle_that_is_not_of_the_format_is_refused(name: str, files: Files, tmp_path: Path):
    change, said = CASES[name]
    (tmp_path / "b.zip").write_bytes(zip_bytes(change(files)))
    with pytest.raises(ValueError, match=said):
        read_bundle(tmp_path / "b.zip")
    assert [path.name for path in tmp_path.iterdir()] == ["b.zip"]


def test_the_right_bundle_is_read(files: Files, tmp_path: Path):
    (tmp_path / "b.zip").write_bytes(zip_bytes(files))
    found = read_bundle(tmp_path / "b.zip")
    assert found.name == "b"
    assert {name: len(table) for name, table in found.tables.items()} == {
        name: found.manifest.tables[name].rows for name in TABLES
    }


def write_zip(place: Path, members: list[tuple[str, bytes]], **how: Any) -> Path:
    with zipfile.ZipFile(place, "w", **how) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return place


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_zips_with_other_files_are_refused_before_any_is_read(files: Files, tmp_path: Path):
    right = [*files.items()]
    for name in ("../evil.py", "/etc/evil", "notes.txt", "runs.parquet/"):
        place = write_zip(tmp_path / "b.zip", [*right, (name, b"x")])
        with pytest.raises(ValueError, match=f"has '{name}': a bundle holds manifest.json"):
            read_bundle(place)
    with pytest.raises(ValueError, match=r"lacks runs.parquet"):
        read_bundle(write_zip(tmp_path / "b.zip", [one for one in right if one[0] != RUNS]))
    with pytest.raises(ValueError, match="has a file twice"):
        read_bundle(write_zip(tmp_path / "b.zip", [*right, right[0]]))
    assert [path.name for path in tmp_path.iterdir()] == ["b.zip"]


def test_zip_bombs_are_refused_by_what_they_say_and_by_what_they_hold(files: Files, tmp_path: Path):
    bomb = files | {MANIFEST: b" " * (2 << 20)}
    (tmp_path / "b.zip").write_bytes(zip_bytes(bomb))
    with pytest.raises(ValueError, match=r"manifest.json has 2,097,152 bytes, at most 1,048,576 are read"):
        read_bundle(tmp_path / "b.zip")
    content = bytearray(zip_bytes(bomb))
    long, short = (2 << 20).to_bytes(4, "little"), (100).to_bytes(4, "little")
    (tmp_path / "b.zip").write_bytes(bytes(content).replace(long, short))  # its length is a lie
    with pytest.raises(ValueError, match=r"is no bundle that can be read|longer than the zip says|is no JSON"):
        read_bundle(tmp_path / "b.zip")


def test_what_is_no_zip_and_a_damaged_one_are_refused(files: Files, tmp_path: Path):
    (tmp_path / "b.zip").write_bytes(b"PK no zip")
    with pytest.raises(ValueError, match=r"is no bundle that can be read \(BadZipFile"):
        read_bundle(tmp_path / "b.zip")
    content = bytearray(zip_bytes(files))
    content[len(content) // 3] ^= 255
    (tmp_path / "b.zip").write_bytes(content)
    with pytest.raises(ValueError, match=r"is no bundle that can be read"):
        read_bundle(tmp_path / "b.zip")
    with pytest.raises(ValueError, match="cannot read"):
        read_bundle(tmp_path / "absent.zip")
