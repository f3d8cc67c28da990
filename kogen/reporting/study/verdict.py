"""Verdict: a study's tables in, `verdict.json` out: what to bet on, how sure, on what grounds."""

import hashlib
from pathlib import Path
from typing import Any

import pandas as pd
from scipy.stats import kendalltau

from kogen.common.files import jsonable, read_json, write_json
from kogen.common.registry import load
from kogen.common.tables import read_table
from kogen.options.lottery import LotteryOptions
from kogen.reporting.study.evidence import Evidence
from kogen.reporting.study.runs import read_runs
from kogen.reporting.study.sentences import verdict_sentences
from kogen.reporting.words import load_templates, say
from kogen.results.judge import judge_results

ROLES = ("reference", "shift", "transfer")


def build(study: Path, *, margin: float, protocol: str = "linear", lang: str = "en") -> dict[str, Any]:
    """Judge a study, write STUDY/verdict.json and return what it holds.

    `margin` is the smallest difference that matters, in points (0 to 100). Accuracies and differences are in points,
    probabilities in [0, 1], missing values null. `words` holds the sentences in `lang`, `sentences` the same as data.
    ValueError for a margin that is no number of points, a protocol nobody predicted with, or no single reference set.
    """
    load_templates(lang)
    if not 0 <= margin <= 100:
        raise ValueError(f"the margin is a difference in points between 0 and 100, got {margin}; try 1.0")
    predictions = read_table(study / "predictions.parquet")
    judged = {name: judge_protocol(rows, margin) for name, rows in rows_by_value(predictions, "protocol").items()}
    if protocol not in judged:
        raise ValueError(f"no predictions with the protocol {protocol!r}; there are {sorted(judged) or 'none'}")
    evidence = gather(study, predictions, judged, margin, protocol)
    verdict = compose(evidence) | {"protocols": protocols(judged, evidence), "study": study_identity(study)}
    verdict["lang"] = lang
    verdict["words"] = [say(lang, told["key"], **told["with"]) for told in verdict["sentences"]]
    if len(evidence.methods) > 1:  # on the predictions alone; its tables are written beside them
        asks = LotteryOptions(reference=evidence.reference, protocol=protocol, margin=margin, lang=lang)
        mine = judged[protocol]
        ready = {name: mine[name] for name in ("accuracy", "ranks", "needed")} | {"pairs": mine["paired"]}
        verdict["lottery"] = judge_results(study / "predictions.parquet", asks, out=study, ready=ready)
    verdict = jsonable(verdict)
    write_json(study / "verdict.json", verdict)
    return verdict


def rows_by_value(frame: pd.DataFrame, column: str) -> dict[str, pd.DataFrame]:
    """The rows of each value of a column, sorted by value."""
    return {str(value): rows for value, rows in frame.groupby(column)}


def judge_protocol(predictions: pd.DataFrame, margin: float) -> dict[str, pd.DataFrame]:
    """The tables of one protocol's predictions, each under the name it has on the shelf of statistics."""
    tables = {name: load("statistics", name)(predictions) for name in ("accuracy", "ranks", "optimism")}
    pairs = load("statistics", "paired")(predictions, margin=margin)
    groups, needed = load("statistics", "tiers")(pairs), load("statistics", "required_images")(pairs, margin=margin)
    return tables | {"paired": pairs, "groups": groups, "needed": needed}


def gather(
    study: Path, predictions: pd.DataFrame, judged: dict[str, dict[str, pd.DataFrame]], margin: float, protocol: str
) -> Evidence:
    """Everything the sentences need, from the tables and from what lies in the study's folder."""
    mine = rows_by_value(predictions, "protocol")[protocol]
    models = rows_by_value(mine, "model")
    roles = roles_in_order(mine)
    reference = next(iter(roles))
    runs = read_runs(study)
    sizes = {name: len(set(rows["item"])) for name, rows in rows_by_value(mine, "dataset").items()}
    return Evidence(
        **judged[protocol],
        roles=roles,
        methods={model: rows["method"].iloc[0] for model, rows in models.items()},
        margin=float(margin),
        protocol=protocol,
        costs=costs(runs),
        alarms=alarms(runs),
        seeds={model: len(set(rows["seed"])) for model, rows in models.items()},
        protocol_leaders={
            name: best_model(tables["accuracy"], reference) for name, tables in judged.items() if name != protocol
        },
        twins=twins(study, sizes),
        unfinished=sum(run["summary"].get("status") != "done" for run in runs),
        runs=len(runs),
    )


def compose(evidence: Evidence) -> dict[str, Any]:
    """The verdict as data: the same for people (sentences) and machines (bet, tiers, tables)."""
    told = verdict_sentences(evidence)
    model = told[0]["with"]["model"]
    sets = list(evidence.roles)
    bet = {"model": model, "kind": told[0]["key"], "tier": evidence.tiers(evidence.reference)[0]}
    leaders = {name: evidence.order(name)[0] for name in sets}
    return {
        "bet": bet | evidence.score(model, evidence.reference),
        "self_supervision": not evidence.is_baseline(model) and told[0]["key"] != "nobet_untrained",
        "sentences": told,
        "margin": evidence.margin,
        "protocol": evidence.protocol,
        "reference": evidence.reference,
        "sets": sets,
        "roles": evidence.roles,
        "methods": evidence.methods,
        "leaders": leaders,
        "lead_survives": {name: leaders[name] == model for name in evidence.shifts},
        "order": {name: evidence.order(name) for name in sets},
        "tiers": {name: evidence.tiers(name) for name in sets},
        "accuracy": evidence.accuracy.to_dict("records"),
        "pairs": evidence.paired.to_dict("records"),
        "ranks": evidence.ranks.to_dict("records"),
        "needed": evidence.needed.to_dict("records"),
        "optimism": evidence.optimism.to_dict("records"),
        "costs": evidence.costs,
        "alarms": evidence.alarms,
        "twins": evidence.twins,
    }


def roles_in_order(predictions: pd.DataFrame) -> dict[str, str]:
    """Role of each set, the reference first, then shifts and transfers in the order they were judged."""
    roles = predictions.drop_duplicates("dataset").set_index("dataset").role.to_dict()
    found = [name for name, role in roles.items() if role == "reference"]
    if len(found) != 1:
        raise ValueError(f"one set with the role 'reference' is needed to choose on, found {found or 'none'}")
    return dict(sorted(roles.items(), key=lambda pair: ROLES.index(pair[1])))


def costs(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row a model: means over its runs of minutes, images seen and images/s, and the sum of its energy in kWh.

    `times_supervised`: seconds of a training image over those of the supervised model; null where there is none.
    """
    rows = []
    for model in dict.fromkeys(run["model"] for run in runs):
        mine = [run["summary"] for run in runs if run["model"] == model]

        def values(name: str, mine: list[dict[str, Any]] = mine) -> pd.Series:
            return pd.Series([row.get(name) for row in mine], dtype=float)

        means = {name: values(name).mean() for name in ("minutes", "images_seen", "images_per_second")}
        rows.append({"model": model, "runs": len(mine), **means, "kwh": values("kwh").sum(min_count=1)})
    labelled = {run["model"] for run in runs if run["method"] == "supervised"}
    speeds = [row["images_per_second"] for row in rows if row["model"] in labelled]
    for row in rows:
        row["times_supervised"] = speeds[0] / row["images_per_second"] if speeds else None
    return jsonable(rows)


def alarms(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row a model and kind of alarm: in how many of its runs, and the first epoch."""
    rows = []
    raised = [(run["model"], run["id"], alarm) for run in runs for alarm in run["summary"].get("alarms") or []]
    for model, kind in dict.fromkeys((model, alarm["kind"]) for model, _, alarm in raised):
        mine = [(name, alarm) for owner, name, alarm in raised if (owner, alarm["kind"]) == (model, kind)]
        epochs = [alarm["epoch"] for _, alarm in mine if alarm.get("epoch") is not None]
        counts = {"n": len({name for name, _ in mine}), "total": sum(run["model"] == model for run in runs)}
        rows.append({"model": model, "kind": kind, **counts, "epoch": min(epochs, default=None)})
    return rows


def twins(study: Path, sizes: dict[str, int]) -> list[dict[str, Any]]:
    """Test sets with images that are also in train: how many, and the share in percent."""
    if not (study / "data.json").exists():
        return []
    rows = [(item["name"], item.get("twins_in_train")) for item in read_json(study / "data.json")["sets"]]
    return [{"dataset": name, "n": n, "share": 100 * n / sizes[name]} for name, n in rows if n and name in sizes]


def best_model(accuracy: pd.DataFrame, dataset: str) -> str:
    """The model with the highest accuracy on a set; the first by name among equals."""
    rows = accuracy[accuracy.dataset == dataset]
    return min(zip(-rows["value"], rows["model"], strict=True))[1]


def protocols(judged: dict[str, dict[str, pd.DataFrame]], evidence: Evidence) -> list[dict[str, Any]]:
    """One row a protocol, the main one first: accuracies on the reference, leaders, Kendall's tau to the main one."""
    main = judged[evidence.protocol]["accuracy"]
    rows = []
    for name in sorted(judged, key=lambda name: (name != evidence.protocol, name)):
        table = judged[name]["accuracy"]
        mine = [t[t.dataset == evidence.reference].set_index("model").value for t in (main, table)]
        shared = mine[0].index.intersection(mine[1].index)
        agreement = kendalltau(mine[0][shared], mine[1][shared])[0] if len(shared) > 1 else None
        leaders = {
            dataset: best_model(table, dataset) for dataset in evidence.roles if (table.dataset == dataset).any()
        }
        rows.append({"protocol": name, "values": mine[1].to_dict(), "leaders": leaders, "tau": agreement})
    return rows


def study_identity(study: Path) -> dict[str, Any]:
    """Name and hash of the study file; null where the study has none."""
    path = study / "study.toml"
    digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else None
    return {"name": study.resolve().name, "sha256": digest}
