"""Sharing a study: its tables under codes, a manifest, and a check that nothing of the originals is left."""

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kogen.common.contracts import from_plain
from kogen.common.files import write_atomically
from kogen.common.metric_facts import SHARED
from kogen.common.registry import own_names
from kogen.common.text import parse_spec
from kogen.common.version import VERSION
from kogen.results.answers.metric_choice import positive_class
from kogen.results.sharing.bundle_file import manifest_bytes, table_bytes, zip_bytes
from kogen.results.sharing.bundle_format import FORMAT, MANIFEST, OWN, PREDICTIONS, RUNS, TRAINING, WORDS
from kogen.results.sharing.coded_tables import coded_predictions, coded_runs, coded_training
from kogen.results.sharing.codes import Codes
from kogen.results.sharing.leak_scan import find_texts
from kogen.results.sharing.manifest import Manifest, SharedBudget, SharedQuestion, SharedSet, SharedTable
from kogen.results.sharing.naming import Naming, name_study, told_settings, told_spec
from kogen.results.sharing.originals import originals_of, to_bytes
from kogen.results.sharing.own_words import own_words
from kogen.results.sharing.read_bundle import read_bundle
from kogen.results.sharing.study_facts import StudyFacts, read_study

TRIES = 3  # salts: what a scan finds by chance is gone with another


@dataclass(frozen=True)
class SharedStudy:
    """What was shared."""

    manifest: Manifest
    bytes: int
    searched: int  # texts of the study that every byte was searched for

    @property
    def words(self) -> list[str]:
        """What is in the bundle, and what was looked for, in sentences."""
        rows, names = sum(table.rows for table in self.manifest.tables.values()), self.manifest.names
        size = f"{len(self.manifest.tables)} tables, {rows:,} rows, {self.bytes:,} bytes"
        searched = f"None of {self.searched:,} texts of the study is in it"
        return [
            f"{size}: names {names}, ids hashed, no pictures and no paths.",
            f"{searched}; {WORDS} in the bundle says what is, and how to check.",
        ]


def share_study(folder: Path, out: Path, *, keep_names: bool = False, salt: bytes | None = None) -> SharedStudy:
    """Write a study's bundle to `out`; the study stays as it is.

    ValueError for a study that cannot be shared, and where a text of the study would be in the bundle: none is left.
    """
    study = read_study(folder)
    files, manifest, searched = searched_files(study, keep_names=keep_names, salt=salt)
    whole = zip_bytes(files)
    if found := find_texts(whole, searched):
        raise ValueError(f"the zip would hold {found[0].decode('utf-8', 'replace')!r}: nothing is shared; try again")

    def write(place: Path) -> None:
        place.write_bytes(whole)
        read_bundle(place)  # as whoever gets it: every cell is a code or a word of kogen

    write_atomically(out, write)
    return SharedStudy(manifest, len(whole), len(searched))


def searched_files(
    study: StudyFacts, *, keep_names: bool, salt: bytes | None
) -> tuple[dict[str, bytes], Manifest, set[bytes]]:
    """The files of a bundle in which no text of the study is, its manifest, and the texts that were searched for.

    A salt is no draw of an experiment: recorded, anybody could try all ids against it. So it is thrown away, and two
    bundles of one study differ in their codes alone.
    """
    originals, leaks = originals_of(study), list[tuple[str, bytes]]()
    for _ in range(1 if salt else TRIES):
        naming = name_study(study, Codes(salt or secrets.token_bytes(32), keep_names=keep_names))
        files, manifest = bundle_files(study, naming)
        searched = to_bytes(originals, own_words(told_words(study, naming)))
        leaks = leaks_in(files, searched)
        if not leaks:
            return files, manifest, searched
    name, text = leaks[0]
    got = f"{name} would hold {text.decode('utf-8', 'replace')!r}, which is a text of the study"
    raise ValueError(f"{got}: nothing is shared; please tell kogen's authors where it stands")


def leaks_in(files: dict[str, bytes], searched: set[bytes]) -> list[tuple[str, bytes]]:
    """File and text of each leak. Numbers alone are not searched for in the manifest, whose own numbers are counts."""
    texts = {name: searched for name in files}
    words = {text for text in searched if not text.isdigit()}
    texts |= {MANIFEST: words, WORDS: words}
    return [(name, text) for name, content in files.items() for text in find_texts(content, texts[name])]


def bundle_files(study: StudyFacts, naming: Naming) -> tuple[dict[str, bytes], Manifest]:
    """The files of the bundle, and its manifest."""
    predictions, facts = coded_predictions(study, naming)
    tables = {PREDICTIONS: predictions, TRAINING: coded_training(study, naming), RUNS: coded_runs(study, naming)}
    files = {name: table_bytes(table, facts if name == PREDICTIONS else None) for name, table in tables.items()}
    sizes = {name: SharedTable(table.num_rows, len(files[name])) for name, table in tables.items()}
    manifest = make_manifest(study, naming, sizes)
    return files | manifest_bytes(manifest), manifest


def make_manifest(study: StudyFacts, naming: Naming, tables: dict[str, SharedTable]) -> Manifest:
    """What the bundle says of itself."""
    asked, question = study.asked, study.question
    sets = [shared_set(one, naming) for one in study.quality["sets"]]
    told = {"task": question["task"], "metric": told_metric(question["metric"]), "margin": question["margin"]}
    told |= {"probes": [naming.probes[name] for name in question["probes"]]}
    told |= {"judge_on": asked.get("judge_on", "test"), "twins": asked.get("twins", "together")}
    shared = from_plain(SharedQuestion, told, "study.toml")
    budgets = [from_plain(SharedBudget, one, "data.json") for one in study.quality.get("budgets", ())]
    positive = chosen_positive(study)
    return Manifest(
        format=FORMAT,
        kogen=VERSION,
        names="kept" if naming.ids.keep_names else "coded",
        question=shared,
        sets=tuple(sorted(sets, key=lambda one: one.name)),
        budgets=tuple(budgets),
        positive=None if positive is None else naming.classes[positive],
        tables=tables,
    )


def shared_set(row: dict[str, Any], naming: Naming) -> SharedSet:
    """The numbers of a set."""
    kept = {name: row[name] for name in SharedSet.__annotations__ if name in row}
    classes = {naming.classes[name]: count for name, count in row["classes"].items()}
    return from_plain(SharedSet, kept | {"name": naming.sets[row["name"]], "classes": classes}, "data.json")


def told_metric(spec: str | None) -> str | None:
    """The metric that was asked for, with the parameters that are numbers; names of classes stay at home."""
    if spec is None:
        return None
    name, given = parse_spec(spec)
    if name not in own_names("metrics"):
        return OWN
    numbers = {key: value for key, value in given.items() if key not in SHARED or key == "threshold"}
    query = "&".join(f"{key}={value}" for key, value in sorted(numbers.items()))
    return f"{name}?{query}" if query else name


def chosen_positive(study: StudyFacts) -> str | None:
    """The class that is looked for, where there are two: as asked, or the one with fewer images of the reference."""
    given = parse_spec(study.question["metric"])[1] if study.question["metric"] else {}
    counts = next((one["classes"] for one in study.quality["sets"] if one["role"] == "reference"), {})
    try:
        return positive_class(counts, given.get("positive"))
    except ValueError:  # a metric that was changed since: none is told
        return None


def told_words(study: StudyFacts, naming: Naming) -> list[str]:
    """What the bundle tells in words of kogen that no list has: networks, views, settings and versions."""
    found = []
    for run in study.runs.values():
        found += [told_spec(run.plan, "backbone", "backbones"), told_spec(run.plan, "views", "views")]
        found += [told_settings(run.plan), *map(str, run.plan.get("versions", {}).values())]
        if run.training is not None and naming.methods[run.plan["method"]] != OWN:
            found += run.training["term"].unique().to_pylist()
    kept = (naming.models, naming.sets, naming.classes, naming.groups) if naming.ids.keep_names else ()
    return [*found, *(name for names in kept for name in names.values())]
