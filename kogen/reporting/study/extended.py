"""What a study's page says of its question: extended after a verdict; runs that have not begun."""

from pathlib import Path

from kogen.reporting.words import Sentence, sentence
from kogen.results.asked import count_not_begun, extension_options, read_asked


def question_sentences(study: Path) -> list[Sentence]:
    """Cautions about what was asked when; none of a study that was asked once and has all its runs.

    Runs that are added until a difference shows find one too often (optional stopping: Armitage, McPherson and Rowe
    1969), and no interval here allows for that.
    """
    asked, left = read_asked(study), count_not_begun(study)
    found: list[Sentence] = []
    if late := asked.after_verdict:
        added = [option for one in late for option in extension_options(one)]
        found.append(sentence("catch", "extended", times=len(late), added=added))
    if left:
        found.append(sentence("catch", "runs_left", left=left, all=asked.runs))
    return found
