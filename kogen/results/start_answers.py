"""Starts: whether going on from published weights helped, beside these as published and a start from nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kogen.results.decide import BASELINES
from kogen.results.findings import Comparisons
from kogen.results.judgement import Judgement, StartFinding


@dataclass(frozen=True)
class ModelStart:
    """How a model of a study began: the method, and the digest of the weights that it went on from, or that it is."""

    model: str
    method: str
    digest: str  # empty: from scratch
    original: bool = False  # these weights as they came


def judge_starts(found: Judgement, tables: Mapping[str, Any], starts: Sequence[ModelStart]) -> Judgement:
    """The judgement with the answers of the best model that went on: against the original, and the same from scratch.

    Baselines are no pre-training and are left out. Both on the reference; intervals hold for all pairs of it at once,
    so the choice of the best costs nothing.
    """
    begun = {one.model: one for one in starts if one.digest and not one.original and one.method not in BASELINES}
    compared = Comparisons(tables)
    best = next((begun[model] for model in compared.order(found.reference) if model in begun), None)
    if best is None:
        return found
    originals = [one.model for one in starts if one.original and one.digest == best.digest]
    scratch = [one.model for one in starts if not one.digest and one.method == best.method]
    answers = [
        StartFinding(best.model, compared.compare(best.model, others[0], found.reference)) if others else None
        for others in (originals, scratch)
    ]
    told = found.published and answers[0] and {found.published.first, found.published.second} & {*originals}
    published = None if told else found.published  # the answer on these weights says it already
    return replace(found, continued=answers[0], from_scratch=answers[1], published=published)
