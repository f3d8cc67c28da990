"""Tables on disk: their schemas, and writing that is atomic and, for predictions, append-only."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from kogen.common.files import write_atomically

SCHEMAS: dict[str, pa.Schema] = {
    "predictions": pa.schema(
        [
            ("run", pa.string()),  # id of the run, a hash of its plan
            ("model", pa.string()),  # candidate: what competes (a method, or a named set of weights)
            ("method", pa.string()),
            ("seed", pa.int64()),
            ("dataset", pa.string()),  # name the user gave the set
            ("role", pa.string()),  # reference | shift | transfer
            ("protocol", pa.string()),  # probe: knn | linear ...
            ("item", pa.string()),  # content id of the image, never a position
            ("cluster", pa.string()),  # part, lot, day; the item itself where none is known
            ("label", pa.string()),
            ("predicted", pa.string()),
            ("correct", pa.int8()),
            ("score", pa.float32()),  # probability given to the true label
            ("soft", pa.float32()),  # share of people who chose the predicted class; null where nobody was asked
        ]
    ),
    "training": pa.schema(
        [
            ("epoch", pa.int64()),
            ("term", pa.string()),  # one row per named term of the loss, and "loss", their sum
            ("value", pa.float64()),
            ("rate", pa.float64()),
            ("images_per_second", pa.float64()),
            ("seconds", pa.float64()),
            ("rank_me", pa.float64()),  # normalised by min(N - 1, D), in (0, 1]
            ("feature_std", pa.float64()),  # of L2-normalised features, times sqrt(D): 1 is spread, 0 collapsed
        ]
    ),
    "surface": pa.schema(
        [
            ("run", pa.string()),
            ("model", pa.string()),
            ("objective", pa.string()),  # pretrain: the loss it was trained with | probe
            ("direction", pa.string()),  # random | trajectory | between | sharpest
            ("plane", pa.int64()),
            ("alpha", pa.float64()),
            ("beta", pa.float64()),
            ("level", pa.int64()),  # 0: the coarse grid, each further one lies on its halves
            ("loss", pa.float64()),  # null: computed, and not finite
            ("loss_se", pa.float64()),  # over units; null for one unit
            ("images", pa.int64()),
            ("units", pa.int64()),  # what has a loss of its own: images, or batches where a loss couples them
            ("parts", pa.list_(pa.float64())),  # mean loss of each of up to 8 equal parts of the units
        ]
    ),
    "eigenmap": pa.schema(
        [
            ("run", pa.string()),
            ("model", pa.string()),
            ("objective", pa.string()),
            ("direction", pa.string()),
            ("plane", pa.int64()),
            ("alpha", pa.float64()),
            ("beta", pa.float64()),
            ("lambda_min", pa.float64()),  # ends of the Hessian's spectrum, over all that moves; null: not finite
            ("lambda_max", pa.float64()),
            ("ratio", pa.float64()),  # |lambda_min / lambda_max|
            ("residual_min", pa.float64()),  # an eigenvalue lies that near
            ("residual_max", pa.float64()),
        ]
    ),
    "geometry": pa.schema(
        [
            ("model", pa.string()),
            ("objective", pa.string()),
            ("metric", pa.string()),
            ("value", pa.float64()),
            ("lo", pa.float64()),  # 95 %, over planes, images and runs; null for one plane
            ("hi", pa.float64()),
            ("planes", pa.int64()),
            ("images", pa.int64()),
        ]
    ),
}
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


def to_arrow(frame: pd.DataFrame, kind: str) -> pa.Table:
    """The frame as an arrow table of the kind's schema, its columns in order."""
    wanted = SCHEMAS[kind].names
    missing, unknown = set(wanted) - set(frame.columns) - OPTIONAL_COLUMNS, set(frame.columns) - set(wanted)
    if missing or unknown:
        odd = f"missing {sorted(missing)}, unknown {sorted(unknown)}"
        raise ValueError(f"a {kind} table has the columns {wanted}; {odd}")
    return pa.Table.from_pandas(frame.reindex(columns=wanted), schema=SCHEMAS[kind], preserve_index=False)
