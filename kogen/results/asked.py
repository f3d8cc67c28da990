"""What a study was asked: its first question, which stays as it was written, and its extensions in order."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from kogen.common.contracts import from_plain, to_plain
from kogen.common.files import json_digest, read_sealed_json, read_toml, write_sealed_json
from kogen.common.plugins import plugin_key, refuse_changed, refuse_unopened
from kogen.common.protocols import check_probes
from kogen.common.text import check_language, parse_spec
from kogen.options import model
from kogen.options.model import Source, validate
from kogen.options.prices import Price
from kogen.options.study import UNTRAINED, StudyOptions, resolve_pools, resolve_starts
from kogen.options.study_task import check_task_metric, with_task_defaults

FIRST, RECORD, VERDICT = "study.toml", "asked.json", "verdict.json"
CURE = "put its own back, or choose another --out"
COUNTS = ("seeds", "draws")  # of which an extension says how many there are from then on


@dataclass(frozen=True)
class Extension:
    """What one command added to a study that was asked before."""

    added: dict[
        str, Any
    ]  # by option: names, or [NAME, SOURCE] each; of `seeds` and `draws` how many there are from then on
    changed: dict[str, Any] = field(default_factory=dict)  # options that no run depends on, the value from then on
    before: dict[str, Any] = field(default_factory=dict)  # the values until then, of these and of what was changed
    verdict: str | None = None  # SHA-256 of the verdict.json that could be read by then; None where there was none


@dataclass(frozen=True)
class Asked:
    """The question of a study: as it was asked first, and its extensions in order."""

    first: dict[str, Any] = field(default_factory=dict)  # study.toml, as it is written
    extensions: tuple[Extension, ...] = ()
    sha256: str | None = None  # of study.toml, and of the extensions where there are any; None without a study.toml

    @property
    def after_verdict(self) -> tuple[Extension, ...]:
        """The extensions asked for when a verdict could be read: additions, another margin or metric, other prices."""
        told = ("margin", "metric", "prices")
        return tuple(one for one in self.extensions if one.verdict and (one.added or {*told} & set(one.changed)))

    @property
    def runs(self) -> int:
        """The number of runs that are asked by now; 0 where no pilot was asked."""
        if "source" not in self.first:
            return 0
        defaults = StudyOptions.model_fields
        seeds = self.first.get("seeds", defaults["seeds"].default)
        methods = list(with_task_defaults(self.first).get("methods", defaults["methods"].default))
        candidates = len(self.first.get("candidates", {})) + ("init" in self.first)
        parts = list(self.first.get("pools", ()))
        for one in self.extensions:
            seeds = one.added.get("seeds", seeds)
            methods += one.added.get("methods", ())
            candidates += len(one.added.get("candidates", ()))
            parts += one.added.get("pools", ())
        starts = len(resolve_starts(self.first.get("init"), self.first.get("starts")))
        pools = {method: 1 + len(resolve_pools(method, parts)) for method in methods}
        return seeds * sum(1 if method in UNTRAINED else starts * pools[method] for method in methods) + candidates

    def not_begun(self, begun: int) -> int:
        """The number of runs that are asked for and that nobody has begun, where so many are."""
        return max(0, self.runs - begun)

    @property
    def question(self) -> dict[str, Any]:
        """study.toml with the later values of options that no run depends on, and with the probes that were added."""
        asked = with_task_defaults(self.first)
        for one in self.extensions:
            asked |= one.changed
            if more := one.added.get("probes"):
                known = asked.get("probes", StudyOptions.model_fields["probes"].default)
                asked["probes"] = [*known, *more]
        return asked


class Question(BaseModel):
    """What the report reads of a study.toml, which says more."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    margin: float = Field(default=1.0, ge=0, le=100)
    probes: tuple[str, ...] = ("linear",)
    lang: str = "en"
    metric: str | None = None
    private: bool = False
    task: Literal["classify", "anomaly", "detect"] = "classify"
    prices: dict[str, Price] = {}
    statistics: tuple[str, ...] = ()
    plugins: tuple[str, ...] = ()  # code of a user's own


class WholeQuestion(StudyOptions):
    """All that a pilot was asked; what its names mean is not looked up, as its runs were made of them."""

    source: Source


def extension_lines(asked: Asked) -> list[str]:
    """A line for each extension as the command line writes it, `--seeds 5 (3 before), --shift line3=imgs/line3`."""
    return [", ".join(extension_options(one)) for one in asked.extensions]


def extension_options(one: Extension) -> list[str]:
    """What an extension added and changed, an option each."""
    return [*_added_options(one), *_changed_options(one)]


def read_asked(folder: Path) -> Asked:
    """What a study was asked; a folder without study.toml was asked nothing.

    ValueError for a damaged record, and where study.toml is no more the one that was extended.
    """
    place = folder / FIRST
    if not place.exists():
        return Asked()
    content, found = place.read_bytes(), _read_record(folder)
    digest = hashlib.sha256(content)
    if not found["extensions"]:
        return Asked(read_toml(place), (), digest.hexdigest())
    if found["study"] != digest.hexdigest():
        got = f"{place} is not the question that was asked first and extended since ({folder / RECORD})"
        raise ValueError(f"{got}: {CURE}")
    extensions = tuple(from_plain(Extension, one, str(folder / RECORD)) for one in found["extensions"])
    digest.update(json_digest(found["extensions"]).encode())
    return Asked(read_toml(place), extensions, digest.hexdigest())


def read_question(folder: Path) -> dict[str, Any]:
    """What the report asks of the study in a folder, see `Question`. ValueError for none, and for a wrong one."""
    place = folder / FIRST
    if not place.exists():
        raise ValueError(f"{folder} holds no study (no {FIRST}): run `kogen pilot ... --out {folder}` first")
    question = validate(Question, read_asked(folder).question, str(place))
    own = [(text, plugin_key(text)) for text in question.plugins]
    # Answers of own probes are in the tables: these need not run.
    unanswered = [probe for probe in question.probes if ("probes", probe) not in [key for _, key in own]]
    if unanswered or not question.probes:
        check_probes(unanswered, question.task)
    used = {("metrics", parse_spec(question.metric or "")[0]), *(("statistics", name) for name in question.statistics)}
    judging = [text for text, key in own if key in used]
    refuse_unopened(str(place), judging)
    refuse_changed(str(place), judging)
    check_language(question.lang)
    check_task_metric(question.task, question.metric, question.prices)
    return question.model_dump()


def read_whole_question(folder: Path) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """What the report asks of the study in a folder, and all that a pilot was asked by now; None for no pilot.

    Not for what `leaves_open`.
    """
    asked = read_asked(folder)
    if "source" not in asked.first:
        return read_question(folder), None
    fields = validate(WholeQuestion, with_task_defaults(asked.first), str(folder / FIRST)).model_dump(mode="json")
    for one in asked.extensions:
        fields = validate(WholeQuestion, extend_fields(fields, one), "pilot").model_dump(mode="json")
    return read_question(folder), fields


def leaves_open(asked: Asked) -> bool:
    """Whether the words of a question leave a part of it to its weights (the network), or its source (the shifts)."""
    first = asked.first
    of_weights = "init" in first and not {"backbone", "image_size"} <= first.keys()
    of_source = str(first.get("source", "")).startswith("surfaces") and not {"test", "shifts"} & first.keys()
    return of_weights or (of_source and any("shifts" in one.added for one in asked.extensions))


def extend_fields(fields: dict[str, Any], extension: Extension) -> dict[str, Any]:
    """The options of a study, as JSON has them, with what an extension adds and changes."""
    found = dict(fields)
    for name, value in extension.added.items():
        if name in COUNTS:
            found[name] = value
        elif name == "corrupt":
            found[name] = ",".join(filter(None, [found[name], value]))
        else:
            found[name] = found[name] | dict(value) if isinstance(found[name], dict) else [*found[name], *value]
    return {name: value for name, value in (found | extension.changed).items() if value is not None}


def write_first(folder: Path, *, written: bool = False) -> None:
    """Write down which study.toml is the first question; ValueError where runs were made for another one.

    `written`: kogen has just written it. One that was put there by hand is not known as kogen's own.
    """
    digest, found = hashlib.sha256((folder / FIRST).read_bytes()).hexdigest(), _read_record(folder)
    if found["study"] == digest:
        return
    if found["study"] and any(folder.glob("runs/*/plan.json")):
        got = f"{folder / FIRST} was edited since it was asked first"
        raise ValueError(
            f"{got}: {CURE}. To add seeds, methods or sets, leave it as it was and ask for more by options"
        )
    own = {"written": True} if written else {}
    write_sealed_json(folder / RECORD, {"study": digest, "extensions": [], **own})


def may_be_replaced(folder: Path) -> bool:
    """Whether study.toml may be written anew: it is as kogen wrote it, and nothing was prepared for it.

    One that somebody wrote or edited there, to be held to it, stays; so does one of which that is not recorded.
    """
    place, found = folder / FIRST, _read_record(folder)
    if not found.get("written") or found["extensions"] or not place.exists():
        return False
    is_prepared = (folder / "data.json").exists() or any(folder.glob("runs/*"))
    return not is_prepared and found["study"] == hashlib.sha256(place.read_bytes()).hexdigest()


def append_extension(folder: Path, extension: Extension) -> None:
    """Write an extension down, behind those that are there, with the verdict that can be read now."""
    found, verdict = _read_record(folder), folder / VERDICT
    read = hashlib.sha256(verdict.read_bytes()).hexdigest() if verdict.exists() else None
    found["extensions"].append(to_plain(extension) | {"verdict": read})
    write_sealed_json(folder / RECORD, found)


def _read_record(folder: Path) -> dict[str, Any]:
    """The record of a study's folder; one that says nothing where there is none."""
    place = folder / RECORD
    found = read_sealed_json(place, CURE) if place.exists() else {"study": None, "extensions": []}
    if not isinstance(found.get("extensions"), list) or "study" not in found:
        raise ValueError(f"{place} does not say what was asked first and what later: {CURE}")
    return found


def _added_options(one: Extension) -> list[str]:
    """What an extension added, an option each."""
    found = []
    for name in [name for name in StudyOptions.model_fields if name in one.added]:
        value = one.added[name]
        if isinstance(value, int):
            found.append(f"{flag_of(name)} {value} ({one.before[name]} before)")
        elif name == "settings":
            found += [
                f"--set {method}.{key}={chosen}" for method, more in value.items() for key, chosen in more.items()
            ]
        elif name in ("candidates", "shifts", "transfers"):
            found += [f"{flag_of(name)} {key}={source}" for key, source in value]
        else:
            found.append(f"{flag_of(name)} {value if isinstance(value, str) else ','.join(map(str, value))}")
    return found


def _changed_options(one: Extension) -> list[str]:
    """What an extension changed, an option each."""
    return [
        f"{flag_of(name)} {_value_text(value)} ({_value_text(one.before[name])} before)"
        for name, value in one.changed.items()
    ]


def _value_text(value: Any) -> str:
    """The value of an option; one without a value is left to kogen."""
    if isinstance(value, dict):
        return " ".join(f"{name}={one}" for name, one in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ",".join(map(str, value)) or "none"
    return "by default" if value is None else str(value)


def flag_of(name: str) -> str:
    """An option of a study as the command line writes it, `--image-size`."""
    return model.flag_of(StudyOptions, name)
