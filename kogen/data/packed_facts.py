"""What a packed set says of itself and of each image: the columns and the metadata of its Lance data set, sealed."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kogen.common.files import json_digest
from kogen.data.image_facts import MAX_CHANNELS, MAX_PIXELS
from kogen.data.images import Images
from kogen.data.lance_access import REPACK
from kogen.data.levels import Levels
from kogen.data.packed_pixels import PIXELS
from kogen.data.pixel_format import SMALL_SIDE

FORMAT = 1  # of what a packed set holds; a set of another is refused
METADATA = b"kogen"  # the key under which the metadata lies
WITHOUT_MASKS = "masks of where defects lie are not packed: where a defect lies is judged from the source alone"
CHECKSUM = "checksum"  # of the pixels of a row
TEXT, NUMBER, RATIO = pa.string(), pa.int64(), pa.float32()
EACH = {"id": TEXT, "source": TEXT, "label": NUMBER, "cluster": TEXT, "aspect": RATIO}  # known of every image
WHERE_KNOWN = {"split": TEXT, "group": TEXT}  # columns that a set has or has not; `answers` too
FIELDS = {"id": "ids", "source": "sources", "label": "labels", "cluster": "clusters", "aspect": "aspect"}  # of Images
FIELDS |= {"split": "splits", "group": "groups", "answers": "answers"}
TYPES = {"id": str, "source": object, "label": np.int64, "cluster": str, "aspect": np.float32}  # as Images has them
TYPES |= {"split": object, "group": object}
Columns = dict[str, np.ndarray]  # by name, (N,); `answers` (N, K)
Side = Field(ge=1, le=1 << 20)


class PackedFacts(BaseModel):
    """What is true of all images of a packed set, as its metadata holds it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1]
    images: int = Field(ge=1)
    channels: int = Field(ge=1, le=MAX_CHANNELS)
    height: int = Side
    width: int = Side
    depth: Literal[8, 16]
    stored_side: int = Side  # up to which images were kept as they are
    full_side: int = Field(ge=0)  # of Images
    classes: tuple[str, ...]
    allowed_classes: tuple[str, ...]
    levels: tuple[float, float, bool] | None
    notes: tuple[str, ...]
    bad: tuple[tuple[str, str], ...]  # source, reason
    digest: str  # of Images
    has: tuple[str, ...]  # columns that not every set has
    answers: Literal["", "bool", "float32"]
    seal: str

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.uint8 if self.depth == 8 else np.uint16)

    def shape_for(self, stored_side: int) -> tuple[int, int]:
        """Height and width that the images would have if their source were opened with this `stored_side`."""
        if stored_side == self.stored_side:
            return self.height, self.width
        largest = self.full_side or max(self.height, self.width)
        if not self.full_side and largest <= max(stored_side, SMALL_SIDE):
            return self.height, self.width
        return min(stored_side, largest), min(stored_side, largest)


def facts_of(images: Images, stored_side: int, columns: Columns) -> PackedFacts:
    """What is true of all images of a set that is packed, with the seal over that and over its columns."""
    _, channels, height, width = images.pixels.shape
    known: dict[str, Any] = {
        "format": FORMAT,
        "images": len(images),
        "channels": channels,
        "height": height,
        "width": width,
        "depth": 8 * np.dtype(images.pixels.dtype).itemsize,
        "stored_side": stored_side,
        "full_side": images.full_side,
        "classes": images.classes,
        "allowed_classes": images.allowed_classes,
        "levels": None if images.levels is None else tuple(images.levels),
        "notes": images.notes if images.masks is None else (*images.notes, WITHOUT_MASKS),
        "bad": tuple((bad.source, bad.reason) for bad in images.bad),
        "digest": images.digest,
        "has": tuple(name for name in columns if name not in EACH),
        "answers": "" if images.answers is None else str(images.answers.dtype),
    }
    return PackedFacts(**known, seal=seal_of(known, columns))


def columns_of(images: Images) -> Columns:
    """What is known of each image of a set, by the names of the columns."""
    found = {name: getattr(images, field) for name, field in FIELDS.items()}
    return {name: column for name, column in found.items() if column is not None}


def seal_of(known: Mapping[str, Any], columns: Columns) -> str:
    """Hash of what is true of all images and of what is known of each."""
    digest = hashlib.blake2b(json_digest({**known, "seal": ""}).encode(), digest_size=16)
    for name, column in columns.items():
        text = column.dtype.kind in "UO"
        data = "\0".join(column.tolist()).encode() if text else column.astype(column.dtype.newbyteorder("<")).tobytes()
        digest.update(f"{name} {len(data)} ".encode())
        digest.update(data)
    return digest.hexdigest()


def schema_of(facts: PackedFacts) -> Any:
    """The columns of a packed set, with what it says of itself."""
    kinds = EACH | {name: kind for name, kind in WHERE_KNOWN.items() if name in facts.has}
    if facts.answers:
        value = pa.bool_() if facts.answers == "bool" else pa.float32()
        kinds |= {"answers": pa.list_(value, len(facts.classes))}
    size = facts.channels * facts.height * facts.width * facts.depth // 8
    kinds |= {CHECKSUM: NUMBER, PIXELS: pa.binary(size)}
    return pa.schema([*kinds.items()], metadata={METADATA: facts.model_dump_json().encode()})


def read_facts(schema: Any, place: str) -> PackedFacts:
    """What a Lance data set says of itself.

    ValueError for one that kogen did not write, one of another format, and one with other columns.
    """
    text = (schema.metadata or {}).get(METADATA)
    if text is None:
        got = f"{place} is a Lance data set that kogen did not write ({', '.join(schema.names)[:200]})"
        raise ValueError(f"{got}: give the images themselves to kogen pack")
    try:
        found = json.loads(text)
        version = found["format"]
        if version != FORMAT:
            got = f"{place} was packed in format {version!r}, and this version of kogen reads {FORMAT}"
            raise ValueError(f"{got}: use the version that packed it, or {REPACK}")
        facts = PackedFacts.model_validate_json(text)
    except (ValidationError, KeyError, TypeError, RecursionError, json.JSONDecodeError) as error:
        raise ValueError(f"{place} is damaged (what it says of itself does not make sense): {REPACK}") from error
    if facts.channels * facts.height * facts.width > MAX_PIXELS * MAX_CHANNELS:
        raise ValueError(f"{place} says that its images are absurdly large: {REPACK}")
    wanted = schema_of(facts)
    if absent := [name for name in wanted.names if name not in schema.names]:
        raise ValueError(f"{place} lacks the column {absent[0]!r}: {REPACK}")
    if odd := [field for field in wanted if schema.field(field.name).type != field.type]:
        got = f"the column {odd[0].name!r} of {place} holds {schema.field(odd[0].name).type}"
        raise ValueError(f"{got}, wanted {odd[0].type}: {REPACK}")
    return facts


def columns_from(table: Any, facts: PackedFacts, place: str) -> Columns:
    """What is known of each image (N,), as `columns_of` gave it. ValueError where it is not what was packed."""
    if table.num_rows != facts.images:
        raise ValueError(f"{place} has {table.num_rows:,} rows, and {facts.images:,} were packed: {REPACK}")
    if empty := [name for name in table.column_names if table[name].null_count]:
        raise ValueError(f"the column {empty[0]!r} of {place} has empty cells: {REPACK}")
    found: Columns = {}
    for name in FIELDS:
        if name == "answers" and facts.answers:
            flat = table[name].combine_chunks().flatten().to_numpy(zero_copy_only=False)
            found[name] = flat.reshape(facts.images, len(facts.classes)).astype(facts.answers)
        elif name in table.column_names:
            found[name] = table[name].to_numpy().astype(TYPES[name])
    if facts.seal != seal_of(facts.model_dump(exclude={"seal"}), found):
        raise ValueError(f"{place} was changed since it was packed (its seal does not fit): {REPACK}")
    return found


def levels_of(facts: PackedFacts) -> Levels | None:
    """The levels of a packed set."""
    return None if facts.levels is None else Levels(*facts.levels)
