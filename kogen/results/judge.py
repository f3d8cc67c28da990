"""The judgement of a table of results: all tables of statistics and their summary; imports no torch."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kogen.common.contracts import from_plain, to_plain
from kogen.common.files import write_atomically, write_json
from kogen.common.metric_facts import NATS, POINTS, PRICE, MetricFacts
from kogen.common.registry import load
from kogen.common.text import join_names
from kogen.options.lottery import LotteryOptions
from kogen.options.model import Options
from kogen.results import bet, summary
from kogen.results.answers.metric_tables import answer_tables, withhold_claims
from kogen.results.csv_file import write_csv
from kogen.results.decide import make_judgement
from kogen.results.judgement import Judgement
from kogen.results.lottery_summary import LotterySummary, Row
from kogen.results.questions import flag
from kogen.results.results import Results, Table, read_results
from kogen.statistics._item_matrix import Items, item_matrices
from kogen.statistics.cochran import COLUMNS as COCHRAN_COLUMNS
from kogen.statistics.left_out import COLUMNS as LEFT_OUT_COLUMNS
from kogen.statistics.resampling.draw_ahead import draw_ahead
from kogen.statistics.scores_of_sets.score_noise import score_noise, with_training_noise

WRITTEN = ("values", "pairs", "ranks", "transfer", "agreement", "unified", "robustness", "left_out", "cochran")
WRITTEN += ("metrics", "floors", "threshold_shift", "recall", "confusion", "hard")  # where labels are known
# of a table of scores alone, without rows, so that readers of the folder find the file
PAIR_COLUMNS = ["dataset", "first", "second", "n", "b", "c", "difference", "lo", "hi", "p", "verdict", "lottery"]
PAIR_COLUMNS += ["minimum_detectable"]
RANK_COLUMNS = ["dataset", "model", "p_best", "expected_rank", "rank_lo", "rank_hi", "top"]
MOST_ROWS = 500  # of a table that the summary repeats
CSV_NAMES = {"pairs": {"p": "p_same_networks"}}  # a spreadsheet has no docstring: p asks about these networks


Step = Callable[[], None]
"""Called when a data set is done in one of the parts of the work."""


def judge_results(
    table: Table,
    options: LotteryOptions,
    out: Path | None = None,
    on_step: Callable[[int, int], object] = lambda step, steps: None,
) -> tuple[LotterySummary, Judgement]:
    """Judge any table of results: is the lead real, does it transfer, does it depend on the metric, what is safe.

    `table`: csv, markdown, parquet, several files or a frame, as `results.read_results` describes (one row an image,
    or scores alone); `groups` of sets that have one vote each are found by `similarity` unless given. With `out`:
    OUT/{values,pairs,ranks,transfer,agreement,unified,robustness}.parquet, of images also OUT/{metrics,floors,
    threshold_shift,recall,confusion,hard}.parquet (csv too with `csv`), and OUT/verdict.json with both, under "lottery"
    and "judgement"; what was there is replaced. `on_step`: called with the progress.
    Raises ValueError for what cannot be read, for more than is judged, and for options that do not fit the table.
    """
    results = read_results(table, options)
    refuse_unsaid_margin(results.metric, options)
    items = results.matrices
    step = count_steps(on_step, (2 if items is None else 3) * len(results.datasets))
    tables = tables_from_scores(results) if items is None else tables_from_items(items, options, step)
    if results.predictions is not None:
        tables |= answer_tables(results.predictions, results.metric, results.reference, tables["values"])
    summary, judgement = judge_tables(results, tables, options, out, step)
    if out is not None:
        write_json(out / "verdict.json", {"lottery": to_plain(summary), "judgement": to_plain(judgement)})
    return summary, judgement


def refuse_unsaid_margin(metric: MetricFacts, options: Options) -> None:
    """Refuse the margin of points for a metric in another unit: half a nat or half a price is no small difference."""
    if metric.unit != POINTS and "margin" not in options.model_fields_set:
        default: float = type(options).model_fields["margin"].default
        unit = {PRICE: "prices of an image", NATS: "nats"}[metric.unit]
        raise ValueError(
            f"{flag('margin')} is not given, and its default of {default:g} is meant for points: {metric.name} "
            f"is in {unit}, so say the smallest difference that matters in them, such as 0.01"
        )


def count_steps(on_step: Callable[[int, int], object], steps: int) -> Step:
    """A `Step` that tells `on_step` how many there were, of how many."""
    done = count(1)

    def step() -> None:
        on_step(next(done), steps)

    return step


def judge_tables(
    results: Results,
    tables: dict[str, pd.DataFrame],
    options: LotteryOptions,
    out: Path | None = None,
    step: Step = lambda: None,
    *,
    methods: Mapping[str, str] | None = None,
    minutes: Mapping[str, float] | None = None,
) -> tuple[LotterySummary, Judgement]:
    """The same where the tables of each set (values, pairs, ranks, needed) are there; writes no verdict.json.

    `methods`, `minutes`: of the models of a study, see `make_judgement`.
    """
    tables = dict(tables)
    plain = to_plain(judge_across_sets(results, tables, options, step))
    if out is not None:
        write_tables(out, {name: frame for name, frame in tables.items() if name in WRITTEN}, options.csv)
    summary = from_plain(LotterySummary, plain, "the lottery")
    known: dict[str, Any] = {"methods": methods, "minutes": minutes, "lottery": summary}
    known |= {"metric": results.metric, "margin": options.margin}
    return summary, make_judgement(tables, reference=summary.reference, targets=summary.targets, **known)


def judge_across_sets(
    results: Results, tables: dict[str, pd.DataFrame], options: LotteryOptions, step: Step
) -> LotterySummary:
    """Put the tables over several sets beside those of each set; returns the summary of all."""
    margin, weights, seed, noise_draws = options.margin, options.weights, options.seed, min(options.draws, 1000)
    lowest = 0.0 if results.predictions is None else float(np.min(tables["values"]["value"]))
    shift = max(0.0, -lowest)  # gains of a metric may be below 0, as minus a loss is
    scores: Any = values_as_scores(tables["values"].assign(value=lambda rows: rows["value"] + shift), results.families)
    source, clean = results.reference, set(options.counterpart.values())
    refuse_bad_counterpart(options.counterpart, results.datasets, source)
    targets = [name for name in results.datasets if name != source and name not in clean]
    voting = scores[scores["dataset"].isin([source, *targets])]  # a part of the reference is no set of its own
    across = partial(load, "statistics")
    lead = summary.reference_lead(scores, source)
    gaps = sorted({*(0.1, 0.3, 0.5, 1.0), *(gap for gap in (margin, lead.gap) if gap and gap <= 100)})
    every = results.matrices
    items = None if every is None else [matrix for matrix in every if matrix.dataset in (source, *targets)]
    noise = None if every is None else score_noise(every, noise_draws, seed)
    same = {"source": source, "targets": targets, "seed": seed, "on_step": step}
    tables["transfer"] = across("transfer")(scores, gaps=gaps, noise=noise, **same)
    tables["agreement"] = across("agreement")(scores, **same)
    alike = across("similarity")(voting, source=source, targets=targets)
    votes = options.groups or summary.group_names(alike)
    tables["unified"] = across("unified")(voting, weights=weights, groups=votes)
    line = {"baseline": options.baseline, "counterpart": options.counterpart}
    tables["robustness"] = across("robustness")(scores, source=source, targets=targets, **line)
    if shift:
        tables["unified"], tables["robustness"] = without_shift(tables["unified"], tables["robustness"], shift)
    errors = None if noise is None or items is None else with_training_noise(noise, items, seed)
    picks = across("safe_bet")(voting, margin=margin, weights=weights, noise=errors, seed=seed)
    picks = picks.assign(expected=picks["expected"] - shift)
    over_sets, refused = summary.tests_over_sets(voting)
    asked = {"source": source, "margin": margin, "weights": weights, "groups": votes, "noise": errors, "seed": seed}
    try:
        left_out = across("left_out")(voting, **asked)
        tables["left_out"] = left_out[left_out["rule"] != "mean_logit"] if shift else left_out
    except ValueError as error:
        tables["left_out"], refused["left_out"] = pd.DataFrame(columns=LEFT_OUT_COLUMNS), str(error)
    if picks.empty or "near" not in set(picks["pick"]):
        refused["near_best"] = "wants one row an image, or the number of images of every set (n)"
    if not targets:
        refused["transfer"] = "wants a second data set: there is only the reference"
    tables |= tests_of_sets(results, options, source)
    described = summary.describe_results(results, scores)
    pair = bet.chosen_pair(picks, scores, source)
    decides = summary.images_to_decide(tables, results.scores, pair, source)
    agreement: dict[str, list[Row]] = {}
    for row in tables["agreement"].to_dict("records"):
        agreement.setdefault(row["target"], []).append(row)
    return LotterySummary(
        **described | {"refused": described["refused"] | refused},
        targets=targets,
        margin=float(margin),
        weights=weights or None,
        leaders=summary.best_models(scores),
        lead=lead,
        real=summary.lead_test(tables, lead, source),
        transfer=summary.transfer_summaries(tables["transfer"], scores, lead, margin, targets),
        agreement=agreement,
        unified=summary.compare_rules(tables["unified"], items, weights, options.draws, seed),
        similarity=summary.describe_similarity(alike, votes),
        over_sets=over_sets,
        bet=bet.recommendation(picks, voting, margin, weights, decides),
        baseline=list(options.baseline) if options.baseline else None,
        lang=options.lang,
        metric=results.metric,
        leading=bet.set_leaders(scores),
        everywhere=bet.measured_everywhere(voting, weights),
        unpaired=rows_of(tables, "unpaired"),
        left_out=bet.left_out_summary(tables["left_out"]) if len(tables["left_out"]) else None,
        cochran=rows_of(tables, "cochran"),
        clusters=rows_of(tables, "clusters"),
    )


def tests_of_sets(results: Results, options: LotteryOptions, source: str) -> dict[str, pd.DataFrame]:
    """Cochran's Q and the clusters of each set; of scores alone the unpaired test of the reference's leader."""
    if results.matrices is None:
        found = load("statistics", "unpaired")(results.scores, dataset=source, margin=options.margin)
        return {"unpaired": found, "cochran": pd.DataFrame(columns=COCHRAN_COLUMNS)}
    chance = {"draws": min(options.draws, 2000), "seed": options.seed}
    clusters = load("statistics", "cluster_sizes")(results.matrices)
    return {"cochran": load("statistics", "cochran")(results.matrices, **chance), "clusters": clusters}


def rows_of(tables: Mapping[str, pd.DataFrame], name: str) -> list[Row] | None:
    """The first rows of a table that only some results have; None without it."""
    return tables[name].head(MOST_ROWS).to_dict("records") if name in tables and len(tables[name]) else None


def tables_from_items(rows: Items, options: LotteryOptions, step: Step = lambda: None) -> dict[str, pd.DataFrame]:
    """The tables of each set from one row an image."""
    margin, chance = options.margin, {"draws": options.draws, "seed": options.seed}
    found: dict[str, list[pd.DataFrame]] = {"values": [], "pairs": [], "ranks": []}
    for matrix in draw_ahead(list(item_matrices(rows)), options.draws, options.seed):
        found["values"].append(load("statistics", "values")([matrix]))
        found["pairs"].append(load("statistics", "paired")([matrix], margin=margin, **chance))
        found["ranks"].append(load("statistics", "ranks")([matrix], **chance))
        step()
        withhold_claims(matrix, *(found[name][-1] for name in ("pairs", "ranks")))
    # a set with one model has no pairs: its table without rows would change the types of the others' columns
    tables = {
        name: pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
        for name, parts in found.items()
    }
    return tables | {"needed": load("statistics", "required_images")(tables["pairs"], margin=margin)}


def tables_from_scores(results: Results) -> dict[str, pd.DataFrame]:
    """The same from scores alone: values, and pairs and ranks without rows."""
    values = add_reported_ends(load("statistics", "reported_scores")(results.scores), results.scores)
    empty = {"pairs": pd.DataFrame(columns=PAIR_COLUMNS), "ranks": pd.DataFrame(columns=RANK_COLUMNS)}
    return {"values": values} | empty


def without_shift(unified: Any, robustness: Any, shift: float) -> tuple[Any, Any]:
    """The tables of gains that were lifted by `shift` to be scores: means as they were, nothing in logits."""
    means = unified["metric"].isin(["mean_accuracy", "iqm", "group_accuracy"])
    unified = unified.assign(value=unified["value"] - shift * means)
    unified.loc[unified["metric"] == "mean_logit", ["value", "rank"]] = np.nan
    observed = robustness["observed"] - shift
    return unified, robustness.assign(observed=observed, expected=np.nan, effective=np.nan)


def add_reported_ends(values: Any, scores: Any) -> Any:
    """The values with the intervals that the table itself gives, where nothing better is known: one run, no n."""
    if "lo" not in scores:
        return values
    cells = scores.groupby(["model", "dataset"], sort=False)[["lo", "hi"]]
    ends = cells.first().where(cells.size().eq(1), axis=0)
    keys, alone = pd.MultiIndex.from_frame(values[["model", "dataset"]]), values["lo"].isna().to_numpy()
    given = ends.reindex(keys).to_numpy()
    return values.assign(lo=values["lo"].where(~alone, given[:, 0]), hi=values["hi"].where(~alone, given[:, 1]))


def values_as_scores(values: Any, families: Mapping[str, str] | None) -> Any:
    """The table of values as one of scores: model, dataset, score, n, family."""
    scores = values.rename(columns={"value": "score"})[["model", "dataset", "score", "n"]]
    scores = scores.assign(model=scores["model"].astype("category"), dataset=scores["dataset"].astype("category"))
    return scores if families is None else scores.assign(family=scores["model"].map(dict(families)))


def refuse_bad_counterpart(counterpart: Mapping[str, str], datasets: Sequence[str], source: str) -> None:
    """Refuse a counterpart of or to no set, of the reference, and of a set to itself."""
    for name in (*counterpart, *counterpart.values()):
        if name not in datasets:
            raise ValueError(f"counterpart names {name!r}, which is no data set: there are {join_names(datasets)}")
    for name, clean in counterpart.items():
        if name in (source, clean):
            other = f"name a set that {name!r} is compared with in the place of the reference {source!r}"
            raise ValueError(f"{name!r} can have no counterpart {clean!r}: {other}")


def write_tables(folder: Path, tables: Mapping[str, pd.DataFrame], csv: bool) -> None:
    """Write every table, with `csv` for spreadsheets too."""
    for name, frame in tables.items():
        write_atomically(folder / f"{name}.parquet", partial(frame.to_parquet, index=False))
        if csv:
            write_csv(folder / f"{name}.csv", frame.rename(columns=CSV_NAMES.get(name, {})))
