"""Where the sets of a study come from: their names and sources, and the runs that are named beside them."""

from pathlib import Path

from kogen.common import text
from kogen.common.protocols import FIND_BOXES
from kogen.config.study import Study, split_start
from kogen.data.open import test_part_of

# Of drawn sets, similar ones that they bring: name to variant.
OWN_SHIFTS = {
    "surfaces": {"line 2": "line2", "night shift": "night"},
    "machines": {"heavy load": "heavy", "fast": "fast"},
}


def runs_named(study: Study) -> list[Path]:
    """The folders of finished runs that are candidates of a study, or begin its trainings."""
    files = [text.parse_spec(asked)[0] for asked in study.candidates.values()]
    files += [text.parse_spec(split_start(study.init)[1])[0]] if study.init else []
    return [folder for file in files for folder in (Path(file), Path(file).parent) if (folder / "plan.json").is_file()]


def sources_of_tests(study: Study) -> dict[str, str]:
    """Name to source of the sets to judge on, the reference first: `study.test`, or a named data set's own test part.

    None with --judge-on validation. Drawn sets also bring similar ones. There is no reference where it has to be a
    part of the pool. ValueError for a shift that has the name of another set.
    """
    if study.judge_on == "validation":
        return {}
    title, source = "reference", study.test
    if source and is_named(source):
        title, _, source = source.partition("=")
    for name in ("train", title):
        if name in study.shifts:
            got = f"--shift {name}={study.shifts[name]}"
            raise ValueError(f"{got}: the name {name!r} is taken by another set; choose another")
    if source is not None:
        return {title: source, **study.shifts}
    own = own_part(study)
    return study.shifts if own is None else {title: own, **shifts_of(study)}


def shifts_of(study: Study) -> dict[str, str]:
    """Name to source of the shifts of a study: drawn sets without a test set bring similar ones of their own."""
    if study.judge_on == "validation":
        return {}
    own = own_part(study) if study.test is None and not study.shifts else None
    name, _, query = (own or "").partition("?")
    known = OWN_SHIFTS.get(name, {})
    return {title: f"{name}:{variant}?{query}" for title, variant in known.items()} or study.shifts


def is_named(source: str) -> bool:
    """Whether a source is `name=path`, and not a path or query that has an equals sign in it."""
    name, equals, path = source.partition("=")
    return bool(equals and path) and not Path(source).exists() and "?" not in name and "/" not in name


def own_part(study: Study) -> str | None:
    """The test part that a data set by its name brings; boxes are read from a folder or a zip, which brings none."""
    return None if study.task == FIND_BOXES else test_part_of(study.source)
