"""Where kogen may write: over nothing that is not its own, on or inside nothing that it reads, through no link."""

import os
from collections.abc import Collection, Iterable
from pathlib import Path

from kogen.common.files import check_regular_file, read_json, refuse_link, write_atomically
from kogen.common.records import holds_run
from kogen.common.version import VERSION

MARKER = ".kogen"  # file that says that a folder is kogen's: what it holds may be written anew
STAMP = "written-by-kogen"  # in the head or tail of a file that was named alone, where its format keeps remarks
HEAD_BYTES = 1 << 16
ONNX_START = b"\x08"  # the number of its first field
MARKER_TEXT = "kogen {} writes this folder: files in it may be replaced. Keep your own files somewhere else.\n"


def claim_folder(out: Path, sources: Iterable[Path] = (), *, expected: Collection[str] = ()) -> None:
    """Make `out` a folder that kogen writes. ValueError where that could hurt what is not its own.

    It must be new or empty (files named in `expected` may be there), or kogen's already by its marker or, from older
    versions, by what it holds. It has no links in it, lies in none of the `sources`, and none of them lies in it.
    """
    refuse_sources(out, sources)
    refuse_link(out)
    if out.exists() and not out.is_dir():
        raise ValueError(f"{out} is a file, wanted a folder: choose another --out")
    if out.exists() and not (out / MARKER).is_file():
        there = sorted(path.name for path in out.iterdir() if not path.name.startswith("."))
        odd = [name for name in there if name not in expected]
        if odd and not _holds_older_output(out):
            some = ", ".join(odd[:3]) + (f" and {len(odd) - 3} more" if len(odd) > 3 else "")
            raise ValueError(f"{out} holds files that kogen did not write ({some}): choose a new or empty --out")
    for folder, folders, files in os.walk(out):
        for name in [*folders, *files]:
            refuse_link(Path(folder, name))
    if not (out / MARKER).is_file():
        write_atomically(out / MARKER, lambda place: place.write_text(MARKER_TEXT.format(VERSION), encoding="utf-8"))


def claim_file(out: Path, sources: Iterable[Path], *, force: bool = False) -> None:
    """ValueError unless `out` may be written: it is new, or has kogen's STAMP, or `force` is asked for.

    Never a folder, a link, or a place on or inside `sources`, whatever is asked for.
    """
    refuse_sources(out, sources)
    refuse_link(out)
    if out.exists() and not out.is_file():
        raise ValueError(f"{out} is no file, wanted one to write: choose another --out")
    if out.exists() and not force and not has_stamp(out):
        raise ValueError(f"{out} was not written by kogen: choose another --out, or replace it with --force")


def has_stamp(file: Path) -> bool:
    """Whether kogen wrote a file: it is of a format that a verb writes, with the STAMP in its remarks.

    A csv has no remarks: its last column is called like the STAMP.
    """
    check_regular_file(file)
    with file.open("rb") as content:
        head = content.read(HEAD_BYTES)
        content.seek(max(0, file.stat().st_size - HEAD_BYTES))
        tail = content.read()
    if head[8:24] == b'{"__metadata__":':  # safetensors
        return STAMP.encode() in head
    if head.startswith(b"PK"):  # npz: a remark of the archive
        return tail.endswith(STAMP.encode())
    if head.startswith((b"PAR1", ONNX_START)):  # their remarks come last
        return STAMP.encode() in tail
    if head.startswith(b"#!"):  # a script: its second line
        return head.split(b"\n", 2)[1:2] == [f"# {STAMP}".encode()]
    if head.startswith(b"<!-- "):  # markdown
        return head.startswith(f"<!-- {STAMP} -->".encode())
    if head.split(b"\n", 1)[0].rstrip().endswith(f",{STAMP}".encode()):
        return True
    if head.startswith(b"<?xml"):  # vtp
        return f"<!-- {STAMP} -->".encode() in head[:100]
    return head.startswith((b"\x89PNG\r\n\x1a\n", b"\x89HDF")) and STAMP.encode() in head


def refuse_sources(out: Path, sources: Iterable[Path]) -> None:
    """ValueError where `out` lies on or inside one of the sources, or one of them inside it."""
    place = out.resolve()
    for source in sources:
        there = source.resolve()
        same = place.exists() and there.exists() and os.path.samefile(place, there)  # links, letters of either case
        if same or place == there or (there.is_dir() and place.is_relative_to(there)):
            where = "inside" if there.is_dir() else "on"
            raise ValueError(f"{out} lies {where} {source}, which is read and stays as it is: choose another --out")
        if there.is_relative_to(place):
            raise ValueError(f"{source}, which is read, lies inside --out {out}: choose another --out")


def _holds_older_output(folder: Path) -> bool:
    """Whether a folder without a marker was written by a version of kogen that had none."""
    if holds_run(folder) or any(holds_run(plan.parent) for plan in folder.glob("runs/*/plan.json")):
        return True
    for name, parts in (("landscape.json", ("runs", "pairs", "flatness")), ("verdict.json", ("lottery",))):
        try:
            found = read_json(folder / name) if (folder / name).exists() else None
        except ValueError:
            continue
        if isinstance(found, dict) and set(parts) <= set(found):
            return True
    return False
