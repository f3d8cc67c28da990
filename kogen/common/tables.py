"""Tables on disk: their schemas, writing that is atomic, reading that notices damage."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from kogen.common.files import REMAKE, check_regular_file, explain_unreadable, write_atomically

TEXT, WHOLE, NUMBER = pa.string(), pa.int64(), pa.float64()
PLACE = {  # where a loss or a curvature was computed
    **dict.fromkeys(["run", "model"], TEXT),
    "objective": TEXT,  # pretrain: the loss it was trained with | probe
    "direction": TEXT,  # random | trajectory | between | sharpest
    "plane": WHOLE,
    **dict.fromkeys(["alpha", "beta"], NUMBER),
}
COLUMNS = {
    "predictions": {
        "run": TEXT,  # id of the run, a hash of its plan
        "model": TEXT,  # candidate: what competes (a method, or a named set of weights)
        "method": TEXT,
        "seed": WHOLE,
        "dataset": TEXT,  # name the user gave the set
        "role": TEXT,  # reference | shift | transfer
        "protocol": TEXT,  # probe: knn | linear ...
        "budget": TEXT,  # part of the labels that the probe learnt from: 5% | 10 shots; null: all of them
        "draw": WHOLE,  # number of the draw of that part, the same images for every model; null: all labels
        "pool": TEXT,  # part of the images that the network was pre-trained on: 10%; null: all of them
        "item": TEXT,  # content id of the image, never a position
        "cluster": TEXT,  # part, lot, day; the item itself where none is known
        **dict.fromkeys(["label", "predicted"], TEXT),
        "correct": pa.int8(),
        "score": pa.float32(),  # probability given to the true label
        "soft": pa.float32(),  # share of people who chose the predicted class; null where nobody was asked
        "probabilities": pa.list_(pa.float32()),  # of every class, in the order of the file's CLASSES; null above 64
        # two classes: for each, the share of validation images (held-out parts of train) of the other class that were
        # given at least this image's probability of it; null of more classes
        "false_alarm": pa.list_(pa.float32()),
        "path": TEXT,  # of the image's file below its source; null where it has none, and with --private
        "group": TEXT,  # line, lot, camera, day: what its source calls a group; null where it names none
    },
    "pixels": {  # how well heat maps show what masks mark
        **dict.fromkeys(["run", "model"], TEXT),
        "seed": WHOLE,
        **dict.fromkeys(["dataset", "protocol", "budget"], TEXT),
        "draw": WHOLE,
        "metric": TEXT,  # pixel_auroc | pro
        **dict.fromkeys(["value", "lo", "hi"], NUMBER),  # 0-1; 95 % over images, null below 5 images with a mask
        "images": WHOLE,  # with a mask
        "side": WHOLE,  # pixels of a side at which maps and masks were compared
    },
    "boxes": {  # what is on each image, and what a detector found there; a row of kind none for an image without either
        **dict.fromkeys(["run", "model", "method"], TEXT),  # as in predictions
        "seed": WHOLE,
        **dict.fromkeys(["dataset", "role"], TEXT),
        "protocol": TEXT,  # the detector: fcos | faster_rcnn
        "budget": TEXT,  # part of the training images whose boxes were seen: 10%; null: all of them
        "draw": WHOLE,  # number of the draw of that part; null: all of them
        "item": TEXT,  # content id of the image
        "cluster": TEXT,  # the item itself where none is known
        "group": TEXT,  # line, lot, camera, day; null where the source names none
        "path": TEXT,  # of the image's file below its source
        "kind": TEXT,  # true | found | none
        "number": WHOLE,  # of the box among those of its image and kind, from 0; null for none
        "class": TEXT,
        "score": pa.float32(),  # of a found box
        **dict.fromkeys(["x1", "y1", "x2", "y2"], pa.float32()),  # pixels of the image's file
        "area": NUMBER,  # of a true box, square pixels, as its source says; COCO's sizes go by it
        **dict.fromkeys(["crowd", "difficult"], pa.int8()),  # of a true box
        # of a found box: number of the true one that it is, at overlaps .50, .55 ... .95; -1 for none
        "match": pa.list_(pa.int32()),
    },
    "features": {
        "item": TEXT,  # content id of the image, as in predictions
        "path": TEXT,  # of the image's file below its source, or its name
        "features": pa.list_(pa.float32()),
    },
    "training": {
        "epoch": WHOLE,
        "term": TEXT,  # one row per named term of the loss, and "loss", their sum
        **dict.fromkeys(["value", "rate", "images_per_second", "seconds"], NUMBER),
        "rank_me": NUMBER,  # normalised by min(N - 1, D), in (0, 1]
        "feature_std": NUMBER,  # of L2-normalised features, times sqrt(D): 1 is spread, 0 collapsed
        "threads": WHOLE,  # of a CPU, in the last pass of the record; 0: not known
    },
    "surface": {
        **PLACE,
        "level": WHOLE,  # 0: the coarse grid, each further one lies on its halves
        "loss": NUMBER,  # null: computed, and not finite
        "loss_se": NUMBER,  # over units; null for one unit
        "images": WHOLE,
        "units": WHOLE,  # what has a loss of its own: images, or batches or groups where a loss couples them
        "parts": pa.list_(NUMBER),  # mean loss of each of up to 8 equal parts of the units
    },
    "metrics": {  # beside the loss, at the same points
        **PLACE,
        "level": WHOLE,
        "images": WHOLE,
        "units": WHOLE,
        "metric": TEXT,
        **dict.fromkeys(["value", "value_se"], NUMBER),  # mean over units and its standard error; null: not finite
    },
    "blocks": {  # the Hessian of a part of a network alone, the others fixed
        **dict.fromkeys(["run", "model", "objective", "block"], TEXT),
        "parameters": WHOLE,
        "metric": TEXT,  # lambda_max | lambda_min | trace
        **dict.fromkeys(
            ["value", "error"], NUMBER
        ),  # residual of Lanczos, standard error of the trace; null: not finite
    },
    "spectrum": {  # quadrature of the whole spectrum at the weights
        **dict.fromkeys(["run", "model", "objective"], TEXT),
        "draw": WHOLE,
        "value": NUMBER,
        "weight": NUMBER,  # those of a draw add up to 1
    },
    "eigenmap": {
        **PLACE,
        "lambda_min": NUMBER,  # ends of the Hessian's spectrum, over all that moves; null: not finite
        "lambda_max": NUMBER,
        "ratio": NUMBER,  # |lambda_min / lambda_max|
        **dict.fromkeys(["residual_min", "residual_max"], NUMBER),  # an eigenvalue lies that near
    },
    "geometry": {
        **dict.fromkeys(["model", "objective", "metric"], TEXT),
        "value": NUMBER,
        **dict.fromkeys(["lo", "hi"], NUMBER),  # 95 %, over planes, images and runs; null for one plane
        **dict.fromkeys(["planes", "images"], WHOLE),
        "standing": TEXT,  # why a model may not be ranked; sound where it may (results/landscape_facts.py)
    },
}
SCHEMAS = {kind: pa.schema(list(columns.items())) for kind, columns in COLUMNS.items()}
ROWS = b"rows"  # key of a file's metadata: the number of rows it was written with
CLASSES = "classes"  # key of a file's metadata: the classes of `probabilities`, in order
# columns a frame may leave out; tables written before they existed are read with null
OPTIONAL_COLUMNS = {"budget", "draw", "pool", "soft", "standing", "probabilities", "false_alarm", "path", "group"}


def write_table(path: Path, frame: pd.DataFrame, kind: str, facts: Mapping[str, str] | None = None) -> None:
    """Write a table of a known kind, and facts, atomically. ValueError names columns that are missing or unknown."""
    write_arrow(path, to_arrow(frame, kind), facts)


def write_arrow(path: Path, table: Any, facts: Mapping[str, str] | None = None, *, lasting: bool = True) -> None:
    """Write an arrow table with what `read_arrow` checks: a sum of every page, and the number of rows."""
    counted = table.replace_schema_metadata({**(facts or {}), ROWS: str(table.num_rows)})
    write_atomically(path, lambda place: pq.write_table(counted, place, write_page_checksum=True), lasting=lasting)


def read_table(path: Path, cure: str = REMAKE) -> pd.DataFrame:
    """Read a parquet table as a frame, see `read_arrow`."""
    return read_arrow(path, cure).to_pandas()


def read_arrow(path: Path, cure: str = REMAKE, *, kind: str = "", columns: list[str] | None = None) -> Any:
    """Read a parquet table. ValueError, with the `cure`, for one that is absent, damaged or not of the `kind`.

    What `write_arrow` wrote and one bit of which was changed is refused or read as it was.
    """
    if not path.exists():
        raise ValueError(f"there is no table {path}: run the verb that writes it first")
    check_regular_file(path)
    with explain_unreadable(f"the table {path}", cure):
        stored, table = pq.read_schema(path), _read_pages(path, columns)
    if lost := _lost_rows(table.schema, table.num_rows):
        raise ValueError(f"{path} is damaged: {lost}; {cure}")
    if kind:
        if unknown := sorted(set(stored.names) - set(SCHEMAS[kind].names)):  # a changed bit in a name is no column less
            raise ValueError(f"{path} has a column {unknown[0]!r}, which is none of {kind}; {cure}")
        for field in SCHEMAS[kind]:
            if field.name in stored.names and stored.field(field.name).type == field.type:
                continue
            if field.name not in OPTIONAL_COLUMNS or field.name in stored.names:
                got = stored.field(field.name).type if field.name in stored.names else "none"
                raise ValueError(f"{path} has {got} in the column {field.name!r}, wanted {field.type}; {cure}")
    return table


def read_checked(path: str | Path, columns: list[str] | None = None, texts: Sequence[str] = ()) -> Any:
    """Columns of a parquet file, those of `texts` as codes; the sums of its pages and its number of rows are checked.

    What is not parquet raises errors of many kinds, see `explain_unreadable`.
    """
    table = _read_pages(path, columns, texts)
    check_rows(table.schema, table.num_rows)
    return table


def open_checked(path: str | Path, texts: Sequence[str] = ()) -> pq.ParquetFile:
    """A parquet file whose pages have the sums they were written with where they are read; `texts` come as codes."""
    return pq.ParquetFile(path, read_dictionary=list(texts), page_checksum_verification=True)


def check_rows(schema: Any, rows: int) -> None:
    """ValueError where a table has lost rows since it was written, by the number in its metadata."""
    if lost := _lost_rows(schema, rows):
        raise ValueError(lost)


def _read_pages(path: str | Path, columns: list[str] | None, texts: Sequence[str] = ()) -> Any:
    """Columns of a parquet file, whose pages have the sums they were written with."""
    with open_checked(path, texts) as file:
        return file.read(columns)


def _lost_rows(schema: Any, rows: int) -> str:
    """How many rows a table has lost since it was written, in words; "" for none, and where nothing says."""
    written = (schema.metadata or {}).get(ROWS, str(rows).encode())
    return "" if written == str(rows).encode() else f"it has {rows} rows of {written.decode()}"


def distinct_rows(frame: Any, columns: list[str], rows: int = 1 << 20) -> Any:
    """The first row of each combination of cells of these columns; so many rows at a time, which takes less memory."""
    parts = [frame[start : start + rows][columns].drop_duplicates() for start in range(0, len(frame), rows)]
    return pd.concat(parts).drop_duplicates() if len(parts) > 1 else frame[columns].drop_duplicates()


def to_arrow(frame: pd.DataFrame, kind: str) -> Any:
    """The frame as an arrow table of the kind's schema, its columns in order."""
    wanted = SCHEMAS[kind].names
    missing, unknown = set(wanted) - set(frame.columns) - OPTIONAL_COLUMNS, set(frame.columns) - set(wanted)
    if missing or unknown:
        odd = f"missing {sorted(missing)}, unknown {sorted(unknown)}"
        raise ValueError(f"a {kind} table has the columns {wanted}; {odd}")
    absent = {name: None for name in wanted if name not in frame}
    return pa.Table.from_pandas(frame.assign(**absent)[wanted], schema=SCHEMAS[kind], preserve_index=False)
