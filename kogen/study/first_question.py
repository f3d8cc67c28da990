"""The first question of a study: study.toml as it is written into the folder, and written anew as long as it may be."""

from pathlib import Path

from kogen.common.files import read_toml, write_atomically
from kogen.common.locks import lock_output
from kogen.common.outputs import claim_folder
from kogen.common.speech.console import say
from kogen.config.study import Study, make_study, study_to_toml
from kogen.results.asked import FIRST, may_be_replaced, write_first
from kogen.results.gather import split_older_table
from kogen.study.splits import paths_read


def begin_study(folder: Path, study: Study, source: str) -> None:
    """Claim the folder and write the question down, under the lock; of several processes the first one does it."""
    claim_study(folder, study)
    with lock_output(folder):
        write_question(folder, study, source)


def claim_study(folder: Path, study: Study) -> None:
    """Make the folder one that kogen writes; ValueError where that could hurt what the study reads, or other files."""
    sets = [*study.shifts.values(), *study.transfers.values()]
    read = paths_read(study, study.source, study.test, study.init, *sets, *study.candidates.values())
    claim_folder(folder, read, expected=[FIRST])


def write_question(folder: Path, study: Study, source: str) -> None:
    """Write study.toml where there is none, or one of kogen's own for which nothing was prepared, under the lock.

    A question that was refused would else stand in the way of the corrected one. ValueError where one was edited after
    runs were made for it.
    """
    place = folder / FIRST
    split_older_table(folder)
    if place.exists() and "runs" in read_toml(place):
        raise ValueError(f"{folder} holds runs that `kogen evaluate` judged, no study of a pilot: choose another --out")
    is_other = may_be_replaced(folder) and make_study(read_toml(place), str(place)).question != study.question
    if is_other:
        say(f"nothing was prepared for the question of {place}: this one takes its place", title="study")
    if not is_other and place.exists():
        write_first(folder)
        return
    # A pre-registered study is copied byte for byte.
    text = Path(source).read_text("utf-8") if source.endswith(".toml") else study_to_toml(study)
    write_atomically(place, lambda p: p.write_text(text, encoding="utf-8"))
    write_first(folder, written=True)
