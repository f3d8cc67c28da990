"""Options of a lottery, which judges any table of results."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from kogen.options.model import MAX_SEED, Options, option
from kogen.options.shared import JUDGING, METRIC_HELP, OUTPUT, PageOptions

TABLE = "Table"
Count = Annotated[int, Field(ge=1, le=10**12)]
Weight = Annotated[float, Field(ge=0, le=1_000_000)]


class TableOptions(Options):
    """How a table of results is read."""

    reference: str | None = option(None, "data set that the choice is made on", TABLE)
    sets: tuple[str, ...] | None = option(None, "data sets, comma-separated; by default all", TABLE, form="names")
    where: dict[str, str] = option(
        {}, "COLUMN=VALUE of the rows that count, * for any letters; repeatable", TABLE, form="pairs"
    )
    model_column: tuple[str, ...] | None = option(
        None, "column of the models' names; several, comma-separated, are joined", TABLE, form="names"
    )
    table_number: int | None = option(None, "which table of a markdown file, from 1", TABLE, ge=1, le=100_000)
    encoding: str | None = option(None, "encoding of a csv or markdown file, by default found; such as cp1252", TABLE)
    protocol: str | None = option(None, "probe whose rows are used, if there are several", TABLE)
    cluster: str | None = option(None, "column that says which images belong together", TABLE)
    family: str | None = option(None, "column that says which models belong together", TABLE)
    n: dict[str, Count] | None = option(
        None, "SET=NUMBER of images behind its scores; repeatable", TABLE, form="counts"
    )
    unit: str = option("auto", "unit of the scores: auto, percent, fraction, or by set: a=percent,b=fraction", TABLE)
    higher_is_better: bool | dict[str, bool] = option(
        True, "set or metric where lower is better; repeatable", TABLE, flag="lower", form="lower"
    )
    metric: str | None = option(None, METRIC_HELP, JUDGING)


class LotteryOptions(PageOptions, TableOptions):
    """Judge any table of results: is the lead real, does it transfer, what is the safe bet."""

    margin: float = option(0.5, "smallest difference that matters, in points", JUDGING, ge=0, le=100)
    weights: dict[str, Weight] | None = option(
        None, "SET=WEIGHT in the mean over sets; repeatable", JUDGING, flag="weight", form="numbers"
    )
    groups: tuple[tuple[str, ...], ...] | None = option(
        None, "SET,SET that share one vote; repeatable", JUDGING, flag="group", form="groups"
    )
    baseline: tuple[str, ...] | None = option(
        None, "models that the robustness line is fitted to, comma-separated", JUDGING, form="names"
    )
    counterpart: dict[str, str] = option(
        {}, "SET=CLEAN, its class-matched clean set; repeatable", JUDGING, form="pairs"
    )
    seed: int = option(0, "seed of every random draw", JUDGING, ge=0, le=MAX_SEED)
    draws: int = option(5000, "bootstrap draws over images", JUDGING, ge=2, le=1_000_000)
    csv: bool = option(False, "write the tables as csv too", OUTPUT)
    out: Path = option(Path("lottery"), "folder of the report", OUTPUT)
