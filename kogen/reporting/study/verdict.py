"""The verdict of a study, from its tables to verdict.json: what to bet on, how sure, on what grounds."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from kogen.common.contracts import from_plain, to_plain
from kogen.common.files import read_json, write_json
from kogen.common.metric_facts import ACCURACY, POINTS, MetricFacts
from kogen.common.protocols import BOX_DETECTORS
from kogen.common.registry import load
from kogen.common.running_costs import RunningCost
from kogen.common.tables import distinct_rows
from kogen.common.text import check_language
from kogen.options.lottery import LotteryOptions
from kogen.options.model import validate
from kogen.options.prices import fault_ratios, make_prices, metric_with_prices
from kogen.reporting.decision.sentences import catches, headline, how_sure, margin_of
from kogen.reporting.decision.start_sentences import start_sentences
from kogen.reporting.decision.steps import next_steps
from kogen.reporting.study.cautions import (
    alerts,
    constant_sentences,
    metric_reason,
    prices,
    study_catches,
    threshold_sentences,
)
from kogen.reporting.study.economics_evidence import gather_economics
from kogen.reporting.study.evidence import Evidence, ModelAlarm, ModelCost, TwinCount
from kogen.reporting.study.extended import question_sentences
from kogen.reporting.study.facts import (
    ProtocolSummary,
    compare_protocols,
    gather,
    model_costs,
    model_methods,
    model_starts,
    unjudged_runs,
)
from kogen.reporting.study.part_tables import NAMES, judge_budgets, judge_pools, rows_of, sort_names
from kogen.reporting.study.runs import read_runs, whole_runs
from kogen.reporting.words import Sentence, say, sentence
from kogen.results.answers.answer_columns import with_stored_probabilities
from kogen.results.answers.break_even import BreakEven, judge_break_even
from kogen.results.answers.economics import Economics, bill_models
from kogen.results.answers.metric_matrices import metric_matrices
from kogen.results.answers.metric_tables import protocol_answers
from kogen.results.answers.part_rows import PARTS, POOL, choose_rows
from kogen.results.answers.pool_curves import PoolCurves
from kogen.results.asked import read_asked
from kogen.results.boxes.box_judgement import judge_boxes_found, no_answers
from kogen.results.decide import BASELINES, make_judgement
from kogen.results.findings import Comparisons
from kogen.results.judge import judge_tables, tables_from_items, write_tables
from kogen.results.judgement import Judgement
from kogen.results.lottery_summary import LotterySummary, Row
from kogen.results.read import NAME_COLUMNS, NUMBER_COLUMNS
from kogen.results.results import read_results
from kogen.results.start_answers import judge_starts
from kogen.results.table_file import read_file, read_header
from kogen.statistics._item_matrix import ItemMatrix

ROLES = ("reference", "shift", "transfer")
ANSWERS = ("label", "predicted", "group", "path")  # these too, where they are
NUMBERS = ("seed", "correct")


@dataclass(frozen=True)
class StudyIdentity:
    """Name of a study's folder and hash of its study.toml and of its extensions, if any; no hash where it has none."""

    name: str
    sha256: str | None


@dataclass(frozen=True)
class Verdict:
    """What verdict.json holds; values and differences in points, probabilities in [0, 1], missing = None."""

    judgement: Judgement
    sentences: list[Sentence]
    margin: float
    protocol: str
    reference: str
    sets: list[str]
    roles: dict[str, str]
    methods: dict[str, str]
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
    labels: list[Row] = field(default_factory=list)  # where label budgets were asked for
    matches: list[Row] = field(default_factory=list)
    depths: list[Row] = field(default_factory=list)  # where layers were fine-tuned
    pools: PoolCurves | None = None  # where parts of the images were asked for
    economics: Economics | None = None  # on the reference; None where nobody recorded how many labels there are
    break_even: BreakEven | None = None
    running: dict[str, RunningCost] = field(default_factory=dict)  # of each model whose network was measured
    lang: str = "en"
    words: list[str] | None = None  # the sentences, in `lang`
    lottery: LotterySummary | None = None  # where there are two models or more


def build(
    study: Path,
    *,
    margin: float,
    protocol: str = "linear",
    lang: str = "en",
    metric: str | None = None,
    prices: Mapping[str, Any] | None = None,
) -> Verdict:
    """Judge a study and write STUDY/verdict.json.

    `margin` is the smallest difference that matters, in points (0 to 100) or the metric's unit; `metric` decides, as
    NAME?PARAMETER=VALUE (by default accuracy, or balanced accuracy of unbalanced classes); `prices` as [prices] has it.
    ValueError for a margin that is no number of points, wrong prices, a protocol nobody predicted with, or no single
    reference set.
    """
    check_language(lang)
    priced = make_prices(prices or {})
    asked = {"margin": margin, "protocol": protocol, "lang": lang, "metric": metric_with_prices(metric, priced)}
    options = validate(LotteryOptions, asked, str(study))
    place = study / "predictions.parquet"
    every: Any = read_predictions(place)
    whole = every["budget"].isna() & every[POOL].isna()
    predictions = sort_names(choose_rows(every, whole).drop(columns=list(PARTS)))
    parts = ProtocolRows(predictions)
    if protocol not in parts:
        raise ValueError(f"no predictions with the protocol {protocol!r}; there are {list(parts) or 'none'}")
    rows: Any = parts[protocol][["model", "method", "seed", "dataset", "role", "protocol"]]
    runs, question = read_runs(study), read_asked(study)
    roles, methods = roles_in_order(rows), model_methods(rows, runs)
    sets, costs = list(roles), model_costs(whole_runs(runs))
    options = options.model_copy(update={"reference": sets[0]})
    boxes = judge_boxes_found(study, every, protocol, metric) if protocol in BOX_DETECTORS else None
    unread = tuple(name for name in read_header(place) if name not in (*NAME_COLUMNS, *NUMBER_COLUMNS))
    read = boxes.results if boxes else read_results
    results = replace(read(predictions, options), ignored=unread)
    results = replace(results, metric=replace(results.metric, faults=fault_ratios(priced)))
    facts, others = results.metric, [name for name in parts if name != protocol]
    matrices = {name: boxes.matrices[name] if boxes else metric_matrices(parts[name], facts) for name in others}
    judged = {name: judge_items(of, options) for name, of in matrices.items()}
    judged[protocol] = judge_items(results.matrices or [], options)
    answers = no_answers() if boxes else protocol_answers(parts, judged[protocol]["values"], facts, sets[0], protocol)
    tables = judged[protocol] | answers
    kept = choose_rows(every, every[POOL].isna())
    curves = boxes.curves if boxes else judge_budgets(study, kept, protocol, facts)
    pools = judge_pools(study, choose_rows(every, every["budget"].isna()), protocol, facts, float(margin), runs)
    shown: dict[str, Any] = {"values": tables["values"]}
    shown |= {name: curves[name] for name in ("labels", "matches") if name in curves}
    shown = {name: frame[frame["dataset"] == sets[0]] for name, frame in shown.items()}
    mine = (kept["protocol"] == protocol) & (kept["dataset"] == sets[0])
    costed = whole_runs(runs), sort_names(kept[mine]), shown, facts, priced
    economics = None if boxes else gather_economics(study, *costed)
    lottery, judgement = None, None
    minutes = {cost.model: cost.minutes for cost in costs if cost.minutes}
    if len(methods) > 1:  # on the predictions alone; its tables are written beside them
        lottery, judgement = judge_tables(results, tables, options, study, methods=methods, minutes=minutes)
    else:
        write_tables(study, answers, csv=False)
        known: dict[str, Any] = {"margin": margin, "methods": methods, "metric": facts}
        judgement = make_judgement(tables, reference=sets[0], targets=sets[1:], **known)
    judgement = judge_starts(judgement, tables, model_starts(whole_runs(runs)))
    evidence = gather(study, rows, judged, judgement, runs, costs)
    unjudged = unjudged_runs(study, runs, protocol)
    more = [*metric_catches(facts, answers, evidence), *constant_sentences(every, sets[0])]
    sentences = verdict_sentences(evidence, [*more, *question_sentences(question, len(runs), unjudged)])
    compared = Comparisons(tables, baselines_last(methods))
    verdict = Verdict(
        judgement=judgement,
        sentences=sentences,
        margin=float(margin),
        protocol=protocol,
        reference=sets[0],
        sets=sets,
        roles=roles,
        methods=methods,
        order={name: compared.order(name) for name in sets},
        tiers={name: tier_lists(tables["groups"], name, tables["values"]) for name in sets},
        **{name: tables[name].to_dict("records") for name in ("values", "pairs", "ranks", "needed", "optimism")},
        **{name: frame.to_dict("records") for name, frame in answers.items()},
        **{name: rows_of(frame) for name, frame in curves.items()},
        pools=pools,
        metric=facts,
        **{name: getattr(evidence, name) for name in ("costs", "alarms", "twins")},
        protocols=compare_protocols(judged, protocol, roles),
        study=StudyIdentity(study.resolve().name, question.sha256),
        economics=bill_models(economics) if economics else None,
        break_even=judge_break_even(economics) if economics else None,
        running=dict(economics.running) if economics else {},
        lang=lang,
        words=[say(lang, said.key, **said.values) for said in sentences],
        lottery=lottery,
    )
    plain = to_plain(verdict)
    write_json(study / "verdict.json", plain)
    return from_plain(Verdict, plain, "the verdict")


def verdict_sentences(evidence: Evidence, more: Sequence[Sentence] = ()) -> list[Sentence]:
    """The verdict, most important sentence first: alerts, what to do, how sure, the catch, the next step.

    `more`: further catches of the study.
    """
    found = evidence.judgement
    said, steps = {one.values.get("dataset") for one in more}, next_steps(found)
    against = [one for one in catches(found) if one.key != "catch_floor" or one.values["dataset"] not in said]
    decided = [headline(found), *how_sure(found), *start_sentences(found), *more, *against, *study_catches(evidence)]
    return [*alerts(evidence), *decided, *steps, *prices(evidence, steps[0].key)]


def metric_catches(facts: MetricFacts, answers: dict[str, pd.DataFrame], evidence: Evidence) -> list[Sentence]:
    """Why the metric is not accuracy, and what falls on shifted sets for the leader: its threshold, or its ranking."""
    reason, leader = metric_reason(facts), evidence.judgement.leader
    lost = threshold_sentences(answers["threshold_shift"].to_dict("records"), leader, evidence.judgement.reference)
    unit = [] if facts.unit == POINTS else [sentence("catch", "margin_unit", **margin_of(evidence.judgement))]
    return [*unit, *([reason] if reason else []), *lost]


def read_verdict(study: Path) -> Verdict:
    """The verdict of a study that was judged. ValueError where there is none."""
    return from_plain(Verdict, read_json(study / "verdict.json"), str(study / "verdict.json"))


class ProtocolRows(Mapping[str, pd.DataFrame]):
    """The rows of each protocol, sorted by its name; they are chosen anew whenever they are asked for, and not held."""

    def __init__(self, predictions: pd.DataFrame) -> None:
        self.predictions = predictions
        self.names = sorted(map(str, predictions["protocol"].dropna().unique()))

    def __getitem__(self, name: str) -> pd.DataFrame:
        if name not in self.names:
            raise KeyError(name)
        return choose_rows(self.predictions, self.predictions["protocol"] == name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


def read_predictions(place: Path) -> pd.DataFrame:
    """The columns of a study's predictions that are judged; those of older versions lack some."""
    heads = read_header(place)
    texts = [*NAMES, *(name for name in (*ANSWERS, "budget", POOL) if name in heads)]
    numbers = [*NUMBERS, *(name for name in ("score", "draw") if name in heads)]
    found = with_stored_probabilities(read_file(place, [*texts, *numbers], texts), place)
    return found.assign(**{name: None for name in PARTS if name not in found})


def judge_items(items: list[ItemMatrix], options: LotteryOptions) -> dict[str, pd.DataFrame]:
    """The tables of one protocol, from the item matrix of each set by the metric that decides."""
    tables = tables_from_items(items, options)
    tables["optimism"] = load("statistics", "optimism")(items)
    return tables | {"groups": load("statistics", "tiers")(tables["pairs"])}


def baselines_last(methods: dict[str, str]) -> dict[str, bool]:
    """Which models stand behind others of the same value."""
    return {model: method in BASELINES for model, method in methods.items()}


def tier_lists(groups: Any, dataset: str, values: Any) -> list[list[str]]:
    """Groups of models that the data cannot tell apart, the leader's first; a model alone is a tier."""
    rows = groups[groups["dataset"] == dataset]
    alone = values[values["dataset"] == dataset]["model"].tolist()
    return [part["model"].tolist() for _, part in rows.groupby("tier")] or [alone]


def roles_in_order(predictions: pd.DataFrame) -> dict[str, str]:
    """Role of each set, the reference first, then shifts and transfers in the order they were judged."""
    first = distinct_rows(predictions, ["dataset", "role"]).drop_duplicates("dataset")
    roles = first.set_index("dataset").role.to_dict()
    found = [name for name, role in roles.items() if role == "reference"]
    if len(found) != 1:
        raise ValueError(f"one set with the role 'reference' is needed to choose on, found {found or 'none'}")
    return dict(sorted(roles.items(), key=lambda pair: ROLES.index(pair[1])))
