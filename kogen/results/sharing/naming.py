"""Naming: the code of every name and id of one study."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from kogen.common.protocols import ANOMALY, FIND_ANOMALIES, GOOD
from kogen.common.registry import own_names
from kogen.results.sharing.bundle_format import OWN, fits
from kogen.results.sharing.codes import Codes
from kogen.results.sharing.study_facts import StudyFacts

PUBLISHED_METHOD, TRAIN = "stock", "train"


@dataclass(frozen=True)
class Naming:
    """Original to code, by what it names."""

    runs: dict[str, str]
    models: dict[str, str]
    methods: dict[str, str]
    sets: dict[str, str]
    classes: dict[str, str]
    groups: dict[str, str]
    probes: dict[str, str]
    ids: Codes


def name_study(study: StudyFacts, codes: Codes) -> Naming:
    """The codes of a study; kogen's own methods and probes have their names."""
    rows, plans = study.rows, [run.plan for run in study.runs.values()]
    distinct = {name: _distinct(rows, name) for name in ("dataset", "label", "predicted", "group", "protocol")}
    sets = {one["name"] for one in study.quality["sets"]} | distinct["dataset"]
    own = {GOOD, ANOMALY} if study.question["task"] == FIND_ANOMALIES else set()
    listed = {name for one in study.quality["sets"] for name in one["classes"]}
    classes = (listed | distinct["label"] | distinct["predicted"]) - own
    probes = distinct["protocol"] | set(study.question["probes"])
    foreign = [name for name in probes if not fits("protocol", name, kept=False) or name.startswith("probe ")]
    return Naming(
        runs=dict(
            zip(codes.shuffle(study.runs), (f"run {place + 1}" for place in range(len(study.runs))), strict=True)
        ),
        models=model_codes(plans, codes),
        methods={plan["method"]: plan["method"] if is_own(plan["method"]) else OWN for plan in plans},
        sets={TRAIN: TRAIN} | codes.number("set", sets - {TRAIN}),
        classes={name: name for name in own} | codes.number("class", classes),
        groups=codes.number("group", distinct["group"]),
        probes={name: name for name in probes} | codes.letter("probe", foreign),
        ids=codes,
    )


def model_codes(plans: Iterable[dict[str, Any]], codes: Codes) -> dict[str, str]:
    """The names of models: those of kogen's methods stay, and views that they are compared under are `views A`."""
    known = {plan["model"]: plan for plan in plans}
    if codes.keep_names:
        return {name: name for name in known}
    variants = codes.letter("views", {plan["variant"] for plan in known.values() if plan.get("variant")})
    found, others = {}, []
    for name, plan in known.items():
        variant = plan.get("variant", "")
        base = name.removesuffix(f" {variant}") if variant else name
        if is_own(plan["method"]) and base in (plan["method"], f"{plan['method']}-continued"):
            found[name] = f"{base}, {variants[variant]}" if variant else base
        else:
            others.append(name)
    return found | codes.letter("model", others)


def is_own(method: str) -> bool:
    """Whether a method is one of kogen's shelf, or published weights."""
    return method in own_names("methods") or method == PUBLISHED_METHOD


def told_spec(plan: dict[str, Any], what: str, shelf: str) -> str:
    """A network or views as they are told: in words of kogen and timm, or `own` where code or a file of the team is."""
    text = str(plan.get(what, ""))
    brought = any(str(code).startswith(f"{shelf}=") for code in plan.get("code", ()))
    return text if not brought and fits(what, text, kept=False) else OWN


def told_settings(plan: dict[str, Any]) -> str:
    """The settings of a method of kogen's that are numbers, `momentum=0.99, symmetric=true`."""
    settings = plan.get("settings", {}) if plan["method"] in own_names("methods") else {}
    pairs = ((name, str(value).lower()) for name, value in sorted(settings.items()))
    told = [f"{name}={value}" for name, value in pairs if fits("settings", f"{name}={value}", kept=False)]
    return ", ".join(told)


def _distinct(rows: Any, column: str) -> set[str]:
    """The texts of a column."""
    return {text for text in rows[column].unique().to_pylist() if text is not None}
