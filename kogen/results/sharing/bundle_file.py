"""A bundle as bytes: parquet that hides nothing, in a zip that is the same for the same tables."""

import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

import pyarrow.parquet as pq

from kogen.common.contracts import to_plain
from kogen.common.outputs import STAMP
from kogen.common.tables import ROWS
from kogen.results.sharing.bundle_format import MANIFEST, MEMBERS, WORDS
from kogen.results.sharing.manifest import Manifest
from kogen.results.sharing.manifest_words import manifest_words

MOMENT = (1980, 1, 1, 0, 0, 0)  # the first that a zip can tell
UNIX, READABLE = 3, 0o644 << 16


def table_bytes(table: Any, facts: Mapping[str, str] | None = None) -> bytes:
    """A table as parquet whose every text stands in plain bytes: no compression, no schema of arrow in base 64."""
    sink = io.BytesIO()
    plain = table.replace_schema_metadata(None)
    how: dict[str, Any] = {"compression": "none", "store_schema": False, "write_statistics": False}
    with pq.ParquetWriter(sink, plain.schema, write_page_checksum=True, **how) as writer:
        writer.write_table(plain)
        writer.add_key_value_metadata({**(facts or {}), ROWS.decode(): str(table.num_rows)})
    return sink.getvalue()


def manifest_bytes(manifest: Manifest) -> dict[str, bytes]:
    """The two files that say what the bundle holds, for programs and for people."""
    plain = json.dumps(to_plain(manifest), indent=2, sort_keys=True, ensure_ascii=False)
    return {MANIFEST: plain.encode() + b"\n", WORDS: manifest_words(manifest).encode()}


def zip_bytes(files: Mapping[str, bytes]) -> bytes:
    """The zip of a bundle's files, in their fixed order; equal files are equal bytes."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.comment = STAMP.encode()
        for name in MEMBERS:
            about = zipfile.ZipInfo(name, MOMENT)
            about.create_system, about.external_attr, about.compress_type = UNIX, READABLE, zipfile.ZIP_DEFLATED
            archive.writestr(about, files[name], compresslevel=6)
    return sink.getvalue()
