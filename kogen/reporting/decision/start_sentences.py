"""Sentences on starts: did going on from published weights help, beside these and beside a start from nothing?"""

from kogen.reporting.decision.sentences import pair_sentence
from kogen.reporting.words import Sentence
from kogen.results.findings import Answer
from kogen.results.judgement import Action, Judgement, StartFinding

ORIGINAL = ("continued_helped", "continued_hurt", "continued_equal", "continued_open")
SCRATCH = ("scratch_behind", "scratch_ahead", "scratch_equal", "scratch_open")


def start_sentences(found: Judgement) -> list[Sentence]:
    """One sentence for each question that was asked and measured; where nothing learnt, nothing pays."""
    if found.action == Action.UNLEARNT:
        return []
    asked = [(found.continued, ORIGINAL)]
    asked += [(found.from_scratch, SCRATCH)] if found.action != Action.FLOOR else []
    return [
        pair_sentence("sure", choose_key(one, keys), one.pair, found)
        for one, keys in asked
        if one is not None and one.pair.answer != Answer.UNKNOWN
    ]


def choose_key(one: StartFinding, keys: tuple[str, str, str, str]) -> str:
    """The sentence: the model that went on is ahead, behind, as good, or nobody can tell."""
    better, worse, equal, undecided = keys
    if one.pair.answer == Answer.BETTER:
        return better if one.pair.first == one.model else worse
    return equal if one.pair.answer == Answer.EQUIVALENT else undecided
