"""The format of a bundle: its files, their columns, and what a cell of text may look like."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pyarrow as pa

from kogen.common.protocols import ANOMALY, BOX_DETECTORS, GOOD, TUNING
from kogen.common.registry import own_names
from kogen.common.tables import COLUMNS, NUMBER, TEXT, WHOLE

FORMAT = 1
MANIFEST, WORDS = "manifest.json", "MANIFEST.md"
PREDICTIONS, TRAINING, RUNS = "predictions.parquet", "training.parquet", "runs.parquet"
RUN_COLUMNS = {
    **dict.fromkeys(["run", "model", "method"], TEXT),
    "seed": WHOLE,
    "start": TEXT,  # scratch | continued: from published weights | published: they compete as they are
    **dict.fromkeys(["backbone", "views", "pool"], TEXT),
    **dict.fromkeys(["image_size", "channels", "epochs", "batch_size", "images"], WHOLE),
    **dict.fromkeys(["precision", "optimiser"], TEXT),
    **dict.fromkeys(["rate", "weight_decay"], NUMBER),
    "settings": TEXT,  # of a method of kogen's, where they are not its defaults: momentum=0.99
    "device": TEXT,  # cpu | cuda | mps
    **dict.fromkeys(["kogen", "torch", "timm"], TEXT),  # versions
    "status": TEXT,
    "alarms": TEXT,  # kinds, comma-separated
    **dict.fromkeys(["minutes", "kwh"], NUMBER),
    **dict.fromkeys(["images_seen", "parameters"], WHOLE),
}
SCHEMAS = {
    PREDICTIONS: pa.schema([(name, kind) for name, kind in COLUMNS["predictions"].items() if name != "path"]),
    TRAINING: pa.schema([("run", TEXT), *COLUMNS["training"].items()]),
    RUNS: pa.schema(list(RUN_COLUMNS.items())),
}
TABLES = tuple(SCHEMAS)
MEMBERS = (MANIFEST, WORDS, *TABLES)  # in this order, and nothing else

# Letters that make neither words nor numbers: an id can be neither a name of a file nor a part of one by chance.
ID_LETTERS, ID_LENGTH = "bcdfghjklmnpqrst", 16
SCRATCH, CONTINUED_START, PUBLISHED = "scratch", "continued", "published"
OWN = "own"  # a method, a network, views or a metric of the team's own, of which no more is told
LONGEST_NAME, LONGEST_CELL = 200, 1000  # letters of a kept name, and of any text
LETTERS = "[A-Z]{1,4}"
NUMBER_TEXT = r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?"
SPEC = r"[a-z][a-z0-9_.]*(?:\?[a-z0-9_=.,&\[\]()\"'+\- ]*)?"  # a network of timm or kogen, or views, with settings


@cache
def shapes() -> dict[str, re.Pattern[str]]:
    """What each column of text may hold where names are coded; null where a column may be empty is no text."""
    methods = "|".join(map(re.escape, [*own_names("methods"), "stock"]))
    probes = "|".join(map(re.escape, [*own_names("probes"), *own_names("detectors"), *BOX_DETECTORS]))
    share = r"\d+(?:\.\d+)?%"
    found = {
        "run": r"run \d+",
        "model": rf"(?:{methods})(?:-continued)?(?:, views {LETTERS})?|model {LETTERS}",
        "method": rf"{methods}|{OWN}",
        "dataset": r"set \d+|train",
        "role": "reference|shift|transfer|train",
        "protocol": rf"{probes}|{TUNING.pattern}|probe {LETTERS}",
        "budget": rf"{share}|\d+ shots?",
        "pool": share,
        **dict.fromkeys(["item", "cluster"], f"[{ID_LETTERS}]{{{ID_LENGTH}}}"),
        **dict.fromkeys(["label", "predicted"], rf"class \d+|{GOOD}|{ANOMALY}"),
        "group": r"group \d+",
        "term": r"[a-z][a-z0-9_]*|term \d+",
        "start": f"{SCRATCH}|{CONTINUED_START}|{PUBLISHED}",
        **dict.fromkeys(["backbone", "views"], rf"{SPEC}|{OWN}"),
        "precision": "auto|32|tf32|bf16|16",
        "optimiser": "[a-z]*",
        "settings": rf"(?:[a-z_]+=(?:true|false|{NUMBER_TEXT})(?:, )?)*",
        "device": "cpu|cuda|mps|",
        **dict.fromkeys(["kogen", "torch", "timm"], r"\d[\w.+]{0,30}|"),
        "status": "done|failed|interrupted",
        "alarms": r"(?:(?:rank|spread|stuck|broken)(?:,|$))*",
    }
    return {name: re.compile(pattern, re.ASCII) for name, pattern in found.items()}


NAMED = ("model", "dataset", "label", "predicted", "group")  # columns whose names `--keep-names` keeps


def fits(column: str, text: str, *, kept: bool) -> bool:
    """Whether a cell of text is what a bundle may hold in this column; with kept names any short printable line."""
    if len(text) > LONGEST_CELL:
        return False
    if kept and column in NAMED:
        return 0 < len(text) <= LONGEST_NAME and text.isprintable()
    return bool(shapes()[column].fullmatch(text))


def text_columns(schema: Any) -> Iterator[str]:
    """The columns of text of a schema."""
    return (field.name for field in schema if pa.types.is_string(field.type))
