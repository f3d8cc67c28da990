"""The lottery: any table of results in, all tables of statistics and their summary out; no torch on this road."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from kogen.common.files import jsonable, read_json, write_atomically, write_json
from kogen.common.registry import load
from kogen.common.text import join_names
from kogen.options.lottery import LotteryOptions
from kogen.results.results import Results, Table, read_results
from kogen.results.summary import (
    best_model,
    compare_rules,
    correlation_matrix,
    describe_results,
    group_names,
    lead_test,
    recommendation,
    reference_lead,
    tests_over_sets,
    transfer_summary,
)
from kogen.statistics._score_noise import score_noise

PAIR_COLUMNS = [  # of a table of scores alone: empty, so that whoever reads the folder finds the file and no rows
    *("dataset", "first", "second", "n", "b", "c", "difference", "lo", "hi", "p", "verdict", "lottery"),
    "minimum_detectable",
]
RANK_COLUMNS = ["dataset", "model", "p_best", "expected_rank", "rank_lo", "rank_hi", "top"]


def judge_results(
    table: Table,
    options: LotteryOptions,
    *,
    out: Path | None = None,
    ready: Mapping[str, pd.DataFrame] | None = None,
) -> dict[str, Any]:
    """Judge any table of results: is the lead real, does it transfer, does it depend on the metric, what is safe.

    `table`: csv, parquet or a frame, as `results.read_results` describes (one row an image, or scores alone);
    `groups` of sets that have one vote each are found by `similarity` unless given. `ready`: the tables accuracy,
    pairs, ranks and needed where they were made of the same rows with the same options.
    With `out`: OUT/{accuracy,pairs,ranks,transfer,agreement,unified,robustness}.parquet (csv too with `csv`), and the
    summary under "lottery" in OUT/verdict.json, whose other parts are kept.
    Returns the summary, plain data, missing = None; points 0-100, shares and probabilities 0-1:
    kind (predictions | scores), reference, sets, targets, margin, models, families (number or None), weights, lang,
    ignored (columns), missing {cells, models, examples}, refused {what: why},
    leaders {set: model}, lead {model, runner_up, gap} on the reference, real (the row of `pairs` of these two, with
    the images `needed` to decide; None for scores), transfer {target: at_margin, at_lead, all (rows of `transfer`),
    leader_holds, leader_loses (points to the target's best), gap_for_90}, agreement {target: rows},
    unified {winners {metric: [models]}, agreement {metric: tau to the primary}, winner_changes, combined (rows)},
    similarity {n_eff, groups, correlations}, over_sets {friedman, wilcoxon},
    bet {picks (rows of `safe_bet`), model (None where they differ), agree, price, decides}.
    Raises ValueError for what cannot be read, and for wishes out of range.
    """
    margin, draws, seed = options.margin, options.draws, options.seed
    results = read_results(table, options)
    wishes = options.model_dump(include={"weights", "groups", "baseline", "counterpart"})
    tables = dict(
        ready
        or (
            tables_from_scores(results) if results.kind == "scores" else tables_from_items(results, margin, draws, seed)
        )
    )
    summary = jsonable(judge_across_sets(results, tables, margin, wishes, draws, seed) | {"lang": options.lang})
    if out is not None:
        write_tables(out, {name: frame for name, frame in tables.items() if name != "needed"}, summary, options.csv)
    return summary


def judge_across_sets(
    results: Results, tables: dict[str, pd.DataFrame], margin: float, choices: dict[str, Any], draws: int, seed: int
) -> dict[str, Any]:
    """Put the tables over several sets beside those of each set; returns the summary of all."""
    scores: Any = accuracy_as_scores(tables["accuracy"], results.families)
    source, clean = results.reference, set(choices["counterpart"].values())
    refuse_bad_counterpart(choices["counterpart"], results.datasets, source)
    targets = [name for name in results.datasets if name != source and name not in clean]
    voting = scores[scores["dataset"].isin([source, *targets])]  # a part of the reference is no set of its own
    across = partial(load, "statistics")
    lead = reference_lead(scores, source)
    gaps = sorted({*(0.1, 0.3, 0.5, 1.0), *(gap for gap in (margin, lead["gap"]) if gap and gap <= 100)})
    items = items_of(results, [source, *targets])
    noise = None if results.predictions is None else score_noise(results.predictions, min(draws, 1000), seed)
    tables["transfer"] = across("transfer")(scores, source=source, targets=targets, gaps=gaps, noise=noise, seed=seed)
    tables["agreement"] = across("agreement")(scores, source=source, targets=targets, seed=seed)
    alike = across("similarity")(voting, source=source, targets=targets)
    votes = choices["groups"] or group_names(alike)
    tables["unified"] = across("unified")(voting, weights=choices["weights"], groups=votes)
    line = {"baseline": choices["baseline"], "counterpart": choices["counterpart"]}
    tables["robustness"] = across("robustness")(scores, source=source, targets=targets, **line)
    errors = None if items is None else score_noise(items, min(draws, 1000), seed, training=True)
    picks = across("safe_bet")(voting, margin=margin, weights=choices["weights"], noise=errors, seed=seed)
    summary = describe_results(results, scores, margin, choices["weights"]) | {"targets": targets, "lead": lead}
    summary["baseline"] = list(choices["baseline"]) if choices["baseline"] else None
    summary["leaders"] = {str(name): best_model(part) for name, part in scores.groupby("dataset", sort=True)}
    summary["real"] = lead_test(tables, lead, source)
    summary["transfer"] = {name: transfer_summary(tables["transfer"], scores, lead, margin, name) for name in targets}
    rows = tables["agreement"].groupby("target", sort=False)
    summary["agreement"] = {str(name): part.to_dict("records") for name, part in rows}
    summary["unified"] = compare_rules(tables["unified"], items, choices["weights"], draws, seed)
    summary["similarity"] = {
        "n_eff": alike["n_eff"].iloc[0],
        "groups": votes,
        "correlations": correlation_matrix(alike),
    }
    summary["over_sets"], refused = tests_over_sets(voting)
    summary["refused"] |= refused
    summary["bet"] = recommendation(picks, tables, scores, source)
    if picks.empty or "near" not in set(picks["pick"]):
        summary["refused"]["near_best"] = "wants one row an image, or the number of images of every set (n)"
    if not targets:
        summary["refused"]["transfer"] = "wants a second data set: there is only the reference"
    return summary


def tables_from_items(results: Results, margin: float, draws: int, seed: int) -> dict[str, pd.DataFrame]:
    """The tables of each set from one row an image."""
    rows: Any = results.predictions
    tables = {"accuracy": load("statistics", "accuracy")(rows)}
    tables["pairs"] = load("statistics", "paired")(rows, margin=margin, draws=draws, seed=seed)
    tables["ranks"] = load("statistics", "ranks")(rows, draws=draws, seed=seed)
    return tables | {"needed": load("statistics", "required_images")(tables["pairs"], margin=margin)}


def tables_from_scores(results: Results) -> dict[str, pd.DataFrame]:
    """The same from scores alone: accuracies, and pairs and ranks without rows."""
    accuracy = load("statistics", "reported_scores")(results.scores)
    empty = {"pairs": pd.DataFrame(columns=PAIR_COLUMNS), "ranks": pd.DataFrame(columns=RANK_COLUMNS)}
    return {"accuracy": accuracy} | empty


def accuracy_as_scores(accuracy: Any, families: Mapping[str, str] | None) -> Any:
    """The table of accuracies as one of scores: model, dataset, score, n, family."""
    scores = accuracy.rename(columns={"value": "score"})[["model", "dataset", "score", "n"]]
    scores = scores.assign(model=scores["model"].astype("category"), dataset=scores["dataset"].astype("category"))
    return scores if families is None else scores.assign(family=scores["model"].map(dict(families)))


def refuse_bad_counterpart(counterpart: Mapping[str, str], datasets: Sequence[str], source: str) -> None:
    """Refuse a counterpart of or to no set, of the reference, and of a set to itself."""
    for name in (*counterpart, *counterpart.values()):
        if name not in datasets:
            raise ValueError(f"counterpart names {name!r}, which is no data set: there are {join_names(datasets)}")
    for name, clean in counterpart.items():
        if name in (source, clean):
            raise ValueError(
                f"{name!r} can have no counterpart {clean!r}: name a set that {name!r} is compared with "
                f"in the place of the reference {source!r}"
            )


def items_of(results: Results, voting: list[str]) -> pd.DataFrame | None:
    """The rows of images of the sets that count; None where there are none."""
    rows: Any = results.predictions
    return None if rows is None else rows[rows["dataset"].isin(voting)]


def write_tables(folder: Path, tables: dict[str, pd.DataFrame], summary: dict[str, Any], csv: bool) -> None:
    """Write every table and the lottery's part of verdict.json."""
    place = folder / "verdict.json"
    verdict = read_json(place) if place.exists() else {}
    if not isinstance(verdict, dict):
        raise ValueError(f"{place} is no verdict, and is not written over: choose another --out, or delete it")
    for name, frame in tables.items():
        write_atomically(folder / f"{name}.parquet", partial(frame.to_parquet, index=False))
        if csv:
            write_atomically(folder / f"{name}.csv", partial(frame.to_csv, index=False))
    write_json(place, verdict | {"lottery": summary})
