"""The verdict of a study, from its tables to verdict.json: what to bet on, how sure, on what grounds."""

import hashlib
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd
from scipy.stats import kendalltau

from kogen.common.contracts import from_plain, to_plain
from kogen.common.files import read_json, write_json
from kogen.common.metric_facts import ACCURACY, MetricFacts
from kogen.common.registry import load
from kogen.common.text import check_language
from kogen.options.lottery import LotteryOptions
from kogen.options.model import validate
from kogen.reporting.study.evidence import ANSWERED, Evidence, ModelAlarm, ModelCost, TwinCount
from kogen.reporting.study.runs import RunRecord, read_runs
from kogen.reporting.study.sentences import verdict_sentences
from kogen.reporting.words import Sentence, say
from kogen.results.answer_columns import with_stored_probabilities
from kogen.results.judge import judge_tables, tables_from_items, write_tables
from kogen.results.lottery_summary import LotterySummary, Row
from kogen.results.metric_choice import choose_metric
from kogen.results.metric_matrices import metric_matrices
from kogen.results.metric_tables import protocol_answers
from kogen.results.read import NAME_COLUMNS, NUMBER_COLUMNS
from kogen.results.results import read_results
from kogen.results.table_file import read_file, read_header

ROLES = ("reference", "shift", "transfer")
Judged = dict[str, dict[str, pd.DataFrame]]  # protocol -> its tables
NAMES = ("model", "method", "dataset", "role", "protocol", "item", "cluster")  # columns of predictions that are read
ANSWERS = ("label", "predicted", "group", "path")  # these too, where they are
NUMBERS = ("seed", "correct")
MEANS = ("minutes", "images_seen", "images_per_second")


@dataclass(frozen=True)
class Bet:
    """The model to bet on, the headline's key, the models the data cannot tell from it, its accuracy in points."""

    model: str
    kind: str
    tier: list[str]
    value: float | None
    lo: float | None
    hi: float | None


@dataclass(frozen=True)
class ProtocolSummary:
    """One way to judge: accuracies on the reference, the leader of each set, Kendall's tau to the main one."""

    protocol: str
    values: dict[str, float]
    leaders: dict[str, str]
    tau: float | None


@dataclass(frozen=True)
class StudyIdentity:
    """Name of a study's folder and hash of its study.toml; no hash where it has none."""

    name: str
    sha256: str | None


@dataclass(frozen=True)
class Verdict:
    """What verdict.json holds; accuracies and differences in points, probabilities in [0, 1], missing = None."""

    bet: Bet
    self_supervision: bool  # worth betting on
    sentences: list[Sentence]
    margin: float
    protocol: str
    reference: str
    sets: list[str]
    roles: dict[str, str]
    methods: dict[str, str]
    leaders: dict[str, str]
    lead_survives: dict[str, bool]
    order: dict[str, list[str]]  # models of each set, best first
    tiers: dict[str, list[list[str]]]
    values: list[Row]
    pairs: list[Row]
    ranks: list[Row]
    needed: list[Row]
    optimism: list[Row]
    costs: list[ModelCost]
    alarms: list[ModelAlarm]
    twins: list[TwinCount]
    protocols: list[ProtocolSummary]
    study: StudyIdentity
    metric: MetricFacts = ACCURACY  # that decides; values, pairs, floors are gains in its unit
    metrics: list[Row] = field(default_factory=list)  # rows of the tables of these names
    floors: list[Row] = field(default_factory=list)
    threshold_shift: list[Row] = field(default_factory=list)
    recall: list[Row] = field(default_factory=list)
    confusion: list[Row] = field(default_factory=list)
    hard: list[Row] = field(default_factory=list)
    lang: str = "en"
    words: list[str] | None = None  # the sentences, in `lang`
    lottery: LotterySummary | None = None  # where there are two models or more


def build(
    study: Path, *, margin: float, protocol: str = "linear", lang: str = "en", metric: str | None = None
) -> Verdict:
    """Judge a study and write STUDY/verdict.json.

    `metric`: NAME?PARAMETER=VALUE of the shelf of metrics; by default accuracy, or balanced accuracy of unbalanced
    classes.

    `margin` is the smallest difference that matters, in points (0 to 100). ValueError for a margin that is no number of
    points, a protocol nobody predicted with, or no single reference set.
    """
    check_language(lang)
    asked = {"margin": margin, "protocol": protocol, "lang": lang, "metric": metric}
    options = validate(LotteryOptions, asked, str(study))
    place = study / "predictions.parquet"
    predictions = read_predictions(place)
    parts = rows_by_protocol(sort_names(predictions))
    if protocol not in parts:
        raise ValueError(f"no predictions with the protocol {protocol!r}; there are {sorted(parts) or 'none'}")
    reference = next(iter(roles_in_order(parts[protocol])))
    facts = choose_metric(parts[protocol], metric, reference)
    judged = {name: judge_protocol(rows, options, facts) for name, rows in parts.items()}
    answers = protocol_answers(parts, judged[protocol]["values"], facts, reference, protocol)
    evidence = gather(study, parts[protocol], judged, margin, protocol)
    evidence = replace(evidence, metric=facts, **answers)
    question = study / "study.toml"
    digest = hashlib.sha256(question.read_bytes()).hexdigest() if question.exists() else None
    identity = StudyIdentity(study.resolve().name, digest)
    verdict = compose(evidence, compare_protocols(judged, evidence), identity)
    verdict = replace(verdict, lang=lang, words=[say(lang, said.key, **said.values) for said in verdict.sentences])
    if len(evidence.methods) > 1:  # on the predictions alone; its tables are written beside them
        options = options.model_copy(update={"reference": evidence.reference})
        unread = tuple(name for name in read_header(place) if name not in (*NAME_COLUMNS, *NUMBER_COLUMNS))
        results = replace(read_results(predictions, options), ignored=unread)
        verdict = replace(verdict, lottery=judge_tables(results, judged[protocol] | answers, options, study))
    else:
        write_tables(study, answers, csv=False)
    plain = to_plain(verdict)
    write_json(study / "verdict.json", plain)
    return from_plain(Verdict, plain, "the verdict")


def read_verdict(study: Path) -> Verdict:
    """The verdict of a study that was judged. ValueError where there is none."""
    return from_plain(Verdict, read_json(study / "verdict.json"), str(study / "verdict.json"))


def sort_names(predictions: Any) -> pd.DataFrame:
    """The predictions with the categories of each column in the order of their names, whichever run is first."""
    return predictions.assign(
        **{name: predictions[name].cat.reorder_categories(sorted(predictions[name].cat.categories)) for name in NAMES}
    )


def rows_by_protocol(predictions: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The rows of each protocol, sorted by its name."""
    return {str(name): rows for name, rows in predictions.groupby("protocol", observed=True)}


def read_predictions(place: Path) -> pd.DataFrame:
    """The columns of a study's predictions that are judged; those of older versions lack some."""
    heads = read_header(place)
    texts = [*NAMES, *(name for name in ANSWERS if name in heads)]
    numbers = [*NUMBERS, *(name for name in ("score",) if name in heads)]
    return with_stored_probabilities(read_file(place, [*texts, *numbers], texts), place)


def judge_protocol(
    predictions: pd.DataFrame, options: LotteryOptions, facts: MetricFacts = ACCURACY
) -> dict[str, pd.DataFrame]:
    """The tables of one protocol's predictions, by the metric that decides."""
    items = metric_matrices(predictions, facts)
    tables = tables_from_items(items, options)
    tables["optimism"] = load("statistics", "optimism")(items)
    return tables | {"groups": load("statistics", "tiers")(tables["pairs"])}


def gather(study: Path, mine: Any, judged: Judged, margin: float, protocol: str) -> Evidence:
    """Everything the sentences need: `mine`, predictions of the protocol, the tables, and the study's folder."""
    runs = read_runs(study)
    roles, values = roles_in_order(mine), judged[protocol]["values"]
    reference = next(iter(roles))
    first: Any = mine.drop_duplicates("model").sort_values("model")
    seeds: Any = mine.drop_duplicates(["model", "seed"]).groupby("model", observed=True).size()
    others = {name: tables["values"] for name, tables in judged.items() if name != protocol}
    return Evidence(
        **judged[protocol],
        roles=roles,
        methods=dict(zip(first["model"], first["method"], strict=True)),
        margin=float(margin),
        protocol=protocol,
        costs=model_costs(runs),
        alarms=model_alarms(runs),
        seeds=seeds.to_dict(),
        protocol_leaders={name: leader_on(table, reference) for name, table in others.items()},
        twins=twin_counts(study, dict(zip(values["dataset"], values["n"], strict=True))),
        unfinished=sum(run.summary.status != "done" for run in runs),
        runs=len(runs),
    )


def compose(evidence: Evidence, protocols: list[ProtocolSummary], study: StudyIdentity) -> Verdict:
    """The verdict as data: the same for people (sentences) and machines (bet, tiers, tables)."""
    sentences, sets, reference = verdict_sentences(evidence), list(evidence.roles), evidence.reference
    headline = next(said for said in sentences if "model" in said.values)  # images seen in training may stand before it
    model = headline.values["model"]
    leaders = {name: evidence.order(name)[0] for name in sets}
    tables = {name: getattr(evidence, name) for name in ("values", "pairs", "ranks", "needed", "optimism", *ANSWERED)}
    shared = ("margin", "protocol", "reference", "roles", "methods", "costs", "alarms", "twins", "metric")
    return Verdict(
        **{name: getattr(evidence, name) for name in shared},
        **{name: table.to_dict("records") for name, table in tables.items()},
        bet=Bet(model, headline.key, evidence.tiers(reference)[0], **evidence.score(model, reference)),
        self_supervision=not evidence.is_baseline(model) and headline.key != "nobet_untrained",
        sentences=sentences,
        sets=sets,
        leaders=leaders,
        lead_survives={name: leaders[name] == model for name in evidence.shifts},
        order={name: evidence.order(name) for name in sets},
        tiers={name: evidence.tiers(name) for name in sets},
        protocols=protocols,
        study=study,
    )


def roles_in_order(predictions: pd.DataFrame) -> dict[str, str]:
    """Role of each set, the reference first, then shifts and transfers in the order they were judged."""
    roles = predictions.drop_duplicates("dataset").set_index("dataset").role.to_dict()
    found = [name for name, role in roles.items() if role == "reference"]
    if len(found) != 1:
        raise ValueError(f"one set with the role 'reference' is needed to choose on, found {found or 'none'}")
    return dict(sorted(roles.items(), key=lambda pair: ROLES.index(pair[1])))


def model_costs(runs: list[RunRecord]) -> list[ModelCost]:
    """What the runs of each model took."""
    costs = []
    for model in dict.fromkeys(run.model for run in runs):
        mine: Any = pd.DataFrame([asdict(run.summary) for run in runs if run.model == model])
        minutes, images, speed = (mine[name].astype(float).mean() for name in MEANS)
        energy = mine["kwh"].astype(float).sum(min_count=1)
        costs.append(ModelCost(model, len(mine), minutes, images, speed, energy))
    labelled = {run.model for run in runs if run.method == "supervised"}
    speeds = [cost.images_per_second for cost in costs if cost.model in labelled]
    if speeds:
        costs = [replace(cost, times_supervised=speeds[0] / cost.images_per_second) for cost in costs]
    return costs


def model_alarms(runs: list[RunRecord]) -> list[ModelAlarm]:
    """One row a model and kind of alarm."""
    rows = []
    for model, kind in dict.fromkeys((run.model, alarm.kind) for run in runs for alarm in run.summary.alarms):
        mine = [run for run in runs if run.model == model]
        raised = [(run.id, alarm.epoch) for run in mine for alarm in run.summary.alarms if alarm.kind == kind]
        ids = tuple(dict.fromkeys(name for name, _ in raised))
        epoch = min((epoch for _, epoch in raised if epoch is not None), default=None)
        rows.append(ModelAlarm(model, kind, len(ids), len(mine), epoch, ids))
    return rows


def twin_counts(study: Path, sizes: dict[str, int]) -> list[TwinCount]:
    """Test sets with images that are also in train."""
    if not (study / "data.json").exists():
        return []
    rows = [(item["name"], item.get("twins_in_train")) for item in read_json(study / "data.json")["sets"]]
    return [TwinCount(name, n, 100 * n / sizes[name]) for name, n in rows if n and name in sizes]


def leader_on(values: pd.DataFrame, dataset: str) -> str:
    """The model with the highest value on a set; the first by name among equals."""
    rows = values[values.dataset == dataset]
    return min(zip(-rows["value"], rows["model"], strict=True))[1]


def compare_protocols(judged: Judged, evidence: Evidence) -> list[ProtocolSummary]:
    """One row a protocol, the main one first."""
    main = judged[evidence.protocol]["values"]
    rows = []
    for name in sorted(judged, key=lambda name: (name != evidence.protocol, name)):
        table = judged[name]["values"]
        mine = [t[t.dataset == evidence.reference].set_index("model").value for t in (main, table)]
        shared = mine[0].index.intersection(mine[1].index)
        tau: Any = kendalltau(mine[0][shared], mine[1][shared])[0] if len(shared) > 1 else None
        leaders = {dataset: leader_on(table, dataset) for dataset in evidence.roles if (table.dataset == dataset).any()}
        rows.append(ProtocolSummary(name, mine[1].to_dict(), leaders, tau))
    return rows
