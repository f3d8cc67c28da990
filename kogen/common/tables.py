"""Tables on disk: their schemas, and writing that is atomic and, for predictions, append-only."""

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from kogen.common.files import write_atomically

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
        "item": TEXT,  # content id of the image, never a position
        "cluster": TEXT,  # part, lot, day; the item itself where none is known
        **dict.fromkeys(["label", "predicted"], TEXT),
        "correct": pa.int8(),
        "score": pa.float32(),  # probability given to the true label
        "soft": pa.float32(),  # share of people who chose the predicted class; null where nobody was asked
    },
    "training": {
        "epoch": WHOLE,
        "term": TEXT,  # one row per named term of the loss, and "loss", their sum
        **dict.fromkeys(["value", "rate", "images_per_second", "seconds"], NUMBER),
        "rank_me": NUMBER,  # normalised by min(N - 1, D), in (0, 1]
        "feature_std": NUMBER,  # of L2-normalised features, times sqrt(D): 1 is spread, 0 collapsed
    },
    "surface": {
        **PLACE,
        "level": WHOLE,  # 0: the coarse grid, each further one lies on its halves
        "loss": NUMBER,  # null: computed, and not finite
        "loss_se": NUMBER,  # over units; null for one unit
        "images": WHOLE,
        "units": WHOLE,  # what has a loss of its own: images, or batches where a loss couples them
        "parts": pa.list_(NUMBER),  # mean loss of each of up to 8 equal parts of the units
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
    },
}
SCHEMAS = {kind: pa.schema(list(columns.items())) for kind, columns in COLUMNS.items()}
OPTIONAL_COLUMNS = {"soft"}  # columns a frame may leave out; tables written before they existed are read with null


def write_table(path: Path, frame: pd.DataFrame, kind: str) -> None:
    """Write a table of a known kind, atomically. ValueError names columns that are missing or unknown."""
    write_atomically(path, lambda place: pq.write_table(to_arrow(frame, kind), place))


def append_table(path: Path, frame: pd.DataFrame, kind: str) -> None:
    """Add rows to a table of a known kind (made if absent); what was there is never changed."""
    new = to_arrow(frame, kind)
    old = [pq.read_table(path, schema=SCHEMAS[kind])] if path.exists() else []
    write_atomically(path, lambda place: pq.write_table(pa.concat_tables([*old, new]), place))


def read_table(path: Path) -> pd.DataFrame:
    """Read a parquet table. ValueError says so when the file is absent or is not parquet."""
    try:
        return pq.read_table(path).to_pandas()
    except (FileNotFoundError, pa.ArrowInvalid) as error:
        raise ValueError(f"cannot read the table {path}: {error}; run the verb that writes it first") from error


def to_arrow(frame: pd.DataFrame, kind: str) -> Any:
    """The frame as an arrow table of the kind's schema, its columns in order."""
    wanted = SCHEMAS[kind].names
    missing, unknown = set(wanted) - set(frame.columns) - OPTIONAL_COLUMNS, set(frame.columns) - set(wanted)
    if missing or unknown:
        odd = f"missing {sorted(missing)}, unknown {sorted(unknown)}"
        raise ValueError(f"a {kind} table has the columns {wanted}; {odd}")
    return pa.Table.from_pandas(frame.reindex(columns=wanted), schema=SCHEMAS[kind], preserve_index=False)
