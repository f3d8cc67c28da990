"""What a study's page says of its question: extended after a verdict; runs not begun, or not judged."""

from kogen.reporting.words import Sentence, sentence
from kogen.results.asked import Asked, extension_options


def question_sentences(asked: Asked, begun: int, unjudged: int = 0) -> list[Sentence]:
    """Cautions about what was asked when; none of a study that was asked once and has all its runs (`begun`), judged.

    Runs that are added until a difference shows find one too often (optional stopping: Armitage, McPherson and Rowe
    1969), and no interval here allows for that.
    """
    left, found = asked.not_begun(begun), list[Sentence]()
    if late := asked.after_verdict:
        added = [option for one in late for option in extension_options(one)]
        found.append(sentence("catch", "extended", times=len(late), added=added))
    if left:
        found.append(sentence("catch", "runs_left", left=left, all=asked.runs))
    if unjudged:
        found.append(sentence("catch", "runs_unjudged", n=unjudged))
    return found
