"""The summary of a lottery, question by question, from its tables."""

import math
from collections.abc import Mapping
from typing import Any

from kogen.common.registry import load
from kogen.results.bet import decide_from_pairs, decide_from_scores
from kogen.results.lottery_summary import Decision, Lead, Missing, Row, Rules, Similarity, Transfer
from kogen.results.results import Results

MATRIX_SETS = 200  # sets of which each correlation is kept
NEEDS_ITEMS = "wants one row an image (model, dataset, item, correct): scores do not say which images two models share"


def describe_results(results: Results, scores: Any) -> dict[str, Any]:
    """What was judged, and what was not there: fields of a LotterySummary."""
    models = scores["model"].nunique()
    count = scores.groupby("model", sort=True).size()
    lacking = [str(name) for name in count.index[count < len(results.datasets)]]
    known = results.families
    refused: dict[str, str] = {}
    if results.kind == "scores":
        refused = dict.fromkeys(("pairs", "ranks", "combined"), NEEDS_ITEMS)
        if scores["n"].isna().any():
            refused["noise_floor"] = "wants the number of images of each set (n), to say what chance alone does"
    return {
        "kind": results.kind,
        "reference": results.reference,
        "sets": list(results.datasets),
        "models": models,
        "families": len(set(known.values())) if known else None,
        "ignored": list(results.ignored),
        "excluded": results.excluded,
        "axes": results.axes,
        "unbounded": list(results.unbounded),
        "said": list(results.notes),
        "missing": Missing(models * len(results.datasets) - len(scores), len(lacking), lacking[:5]),
        "refused": refused,
    }


def best_first(part: Any) -> Any:
    """Rows of one set, best first; equals by name."""
    return part.assign(score=part["score"].round(9)).sort_values(["score", "model"], ascending=[False, True])


def best_models(scores: Any) -> dict[str, str]:
    """The best model of each set."""
    first = best_first(scores).drop_duplicates("dataset").sort_values("dataset")
    return {str(name): str(model) for name, model in zip(first["dataset"], first["model"], strict=True)}


def reference_lead(scores: Any, source: str) -> Lead:
    """The two best models on the reference and the gap between them, in points."""
    first = best_first(scores[scores["dataset"] == source]).head(2)
    names, values = first["model"].tolist(), first["score"].tolist()
    if len(first) < 2:
        return Lead(names[0], None, None)
    return Lead(names[0], names[1], round(values[0] - values[1], 9))


def lead_test(tables: dict[str, Any], lead: Lead, source: str) -> Row | None:
    """The test of the two leaders, and the images that would decide; `kind` is `paired`, or `unpaired` of scores alone.

    None for one model, and for scores without the number of images.
    """
    row = find_pair(tables["pairs"], lead.model, lead.runner_up, source)
    if row:
        return {"kind": "paired", **row, "needed": find_pair(tables["needed"], lead.model, lead.runner_up, source)}
    if "unpaired" not in tables:
        return None
    row = find_pair(tables["unpaired"], lead.model, lead.runner_up, source)
    return row and row | {"needed": None}


def images_to_decide(tables: dict[str, Any], scores: Any, two: list[str], source: str) -> Decision | None:
    """How many images would decide between two models on the reference; `scores` where there are no rows of images."""
    if len(two) < 2:
        return None
    if scores is not None:
        own = (scores.loc[scores["dataset"] == source, "score"] < 0).any()  # minus an error that is no share
        return None if own else decide_from_scores(scores, two, source)
    pair = find_pair(tables["pairs"], two[0], two[1], source)
    return decide_from_pairs(pair, find_pair(tables["needed"], two[0], two[1], source)) if pair else None


def find_pair(pairs: Any, one: str, two: str | None, dataset: str) -> Row | None:
    """The row of two models on a set, whichever stands first."""
    names = {one, two}
    rows = pairs[(pairs["dataset"] == dataset) & pairs["first"].isin(names) & pairs["second"].isin(names)]
    return rows.iloc[0].to_dict() if len(rows) else None


def transfer_summaries(table: Any, scores: Any, lead: Lead, margin: float, targets: list[str]) -> dict[str, Transfer]:
    """What a lead on the reference is worth on each target."""
    rows: dict[str, list[Row]] = {name: [] for name in targets}
    for row in table.to_dict("records"):
        rows[row["target"]].append(row)
    best = scores.groupby("dataset", observed=True)["score"].max()
    mine = scores[scores["model"] == lead.model].set_index("dataset")["score"]
    loses = {str(name): loss for name, loss in (best[mine.index] - mine).items()}
    return {name: transfer_summary(rows[name], loses.get(name), lead, margin) for name in targets}


def transfer_summary(rows: list[Row], loses: float | None, lead: Lead, margin: float) -> Transfer:
    """The same of one target, from its rows and what the leader loses there, None where it was not measured."""
    within, bins = ([row for row in rows if row["band"] == band] for band in ("within", "bin"))
    return Transfer(
        at_margin=row_at_gap(within, margin),
        at_lead=row_at_gap(within, lead.gap),
        all=row_at_gap(within, 100.0),
        leader_holds=None if loses is None else bool(loses <= 1e-9),
        leader_loses=loses,
        gap_for_90=gap_at_share(bins),
    )


def row_at_gap(within: list[Row], gap: float | None) -> Row | None:
    """The cumulative row of one gap."""
    return next((row for row in within if gap and math.isclose(row["gap"], gap, rel_tol=1e-5, abs_tol=1e-8)), None)


def gap_at_share(bins: list[Row], share: float = 0.9) -> float | None:
    """The lower end of the first bin from which on every bin with pairs transfers at least so often; None: no gap does.

    It is one of the ends of the bins.
    """
    lower = None
    for row in reversed([row for row in bins if row["pairs"] > 0]):
        if row["transfer"] < share:
            break
        lower = float(row["gap_lo"])
    return lower


def describe_similarity(alike: Any, votes: Any) -> Similarity:
    """How alike the sets are, from the table of `similarity`; `votes`: the groups that share one.

    Of more than MATRIX_SETS sets the correlations, which are as many as the square, are left out.
    """
    if len(alike) > MATRIX_SETS:
        return Similarity(alike["n_eff"].iloc[0], votes, {})
    matrix = alike.set_index("dataset")[alike["dataset"].tolist()].to_dict("index")  # of the sets' residuals
    return Similarity(alike["n_eff"].iloc[0], votes, matrix)


def group_names(alike: Any) -> list[list[str]] | None:
    """Names of the sets of each group; None where too few models were measured to say."""
    if alike["group"].isna().any():
        return None
    return [part["dataset"].tolist() for _, part in alike.groupby("group", sort=True)]


def compare_rules(table: Any, items: Any, weights: Mapping[str, float] | None, draws: int, seed: int) -> Rules:
    """Winners by each rule, their agreement with the primary one, and whether the winner depends on the rule."""
    ranks = table.pivot(index="model", columns="metric", values="rank").dropna(axis=1, how="all").dropna()
    if ranks.empty:
        return Rules({}, {}, None, None)
    names = [name for name in dict.fromkeys(table["metric"]) if name in ranks]  # a rule may have no value for any
    winners = {name: sorted(map(str, ranks.index[ranks[name] == ranks[name].min()])) for name in names}
    agree = {
        name: ranks[names[0]].corr(ranks[name], method="kendall") if len(ranks) > 1 else None for name in names[1:]
    }
    changes = not set.intersection(*map(set, winners.values()))
    rows = None if items is None else load("statistics", "combined")(items, weights=weights, draws=draws, seed=seed)
    return Rules(winners, agree, changes, None if rows is None else rows.to_dict("records"))


def tests_over_sets(scores: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """Tests over data sets, and why those that were not made were refused."""
    found, refused = {}, {}
    for name in ("friedman", "wilcoxon"):
        try:
            found[name] = load("statistics", name)(scores).to_dict("records")
        except ValueError as error:
            found[name], refused[name] = None, str(error)
    return found, refused
