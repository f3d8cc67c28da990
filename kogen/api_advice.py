"""Advice on views: what `kogen views --advise` does."""

from dataclasses import replace
from pathlib import Path

from kogen.api_tables import report
from kogen.common.speech.console import say
from kogen.options.view_options import ViewsOptions
from kogen.reporting.study.views_section import advice_lines
from kogen.results.answers.view_effects import ViewEffects, proposal_of, read_effects
from kogen.results.asked import flag_of
from kogen.study.view_advice import train_advice, train_proposal, write_proposal


def advise_on_views(source: str, options: ViewsOptions) -> Path:
    """Find out which operations of a set of views fit the images of `source`; returns the page in the folder `out`.

    Each operation is left out and stands alone in trainings of one method, which are judged on images that are held
    out. What hurts is left out of OUT/proposed.toml, which is then trained and judged too. It goes on where it stopped.
    """
    if given := options.only_for_picture:
        got = f"{', '.join(map(flag_of, given))}: of the picture alone; --advise has --seeds, and never replaces a file"
        raise ValueError(f"{got}: leave it out")
    folder = options.folder
    asked = train_advice(source, options, folder)
    report(folder, lang=options.lang)
    if left_out := proposal_of(effects_of(folder)):
        asked = replace(asked, proposed=left_out)
        train_proposal(source, options, folder, asked)
        report(folder, lang=options.lang)
    write_proposal(asked, folder / "proposed.toml")
    for line in advice_lines(effects_of(folder), options.lang):
        say(line, title="advice")
    return folder / "report.html"


def effects_of(folder: Path) -> ViewEffects:
    """The effects of a study of views. ValueError where too little was trained to compare."""
    found = read_effects(folder)
    if found is None:
        raise ValueError(f"{folder}: the trainings with and without an operation broke off: see the alarms above")
    return found
