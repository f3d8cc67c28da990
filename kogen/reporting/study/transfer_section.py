"""Transfer: what becomes of the reference's lead on sets with classes of their own."""

from typing import TYPE_CHECKING, Any

from kogen.common.metric_facts import POINTS
from kogen.reporting.charts import Figure
from kogen.reporting.decision.figures import Bar, draw_bars
from kogen.reporting.decision.quantities import FINE_DIGITS, unit_phrase
from kogen.reporting.words import Sentence, display_name, format_number, say, sentence
from kogen.results.answers.transfer_leads import Fate, TransferLead, TransferLeads

if TYPE_CHECKING:
    from kogen.reporting.study.verdict import Verdict


def transfer_section(leads: TransferLeads | None) -> dict[str, Any] | None:
    """The part on transfer sets as plain data, its sentences and the rows of its table; None where there are none."""
    if leads is None:
        return None
    return {"sentences": transfer_sentences(leads), "rows": [set_row(one, leads) for one in leads.sets]}


def transfer_sentences(leads: TransferLeads) -> list[Sentence]:
    """What becomes of the lead, then of all pairs that the reference decides; and which sets are no tasks apart."""
    fates = [one.fate for one in leads.sets]
    counts = {fate.value: fates.count(fate) for fate in (Fate.KEPT, Fate.LOST)}
    counts |= {"open": len(fates) - sum(counts.values()), "total": len(fates)}
    names = {"model": leads.leader, "other": leads.other, "dataset": leads.reference}
    fate = "transfer_alone" if leads.other is None else "transfer_lead" if leads.is_lead else "transfer_no_lead"
    said = [sentence("transfer", fate, **names, **counts)] if leads.sets else []
    if leads.decided and leads.sets:
        sums = {name: sum(getattr(one, name) for one in leads.sets) for name in ("kept", "lost", "open")}
        said.append(sentence("transfer", "transfer_pairs", dataset=leads.reference, n=leads.decided, **sums))
    said += [sentence("transfer", "transfer_absent", sets=leads.absent)] if leads.absent else []
    for one in leads.sets:
        if one.unjudged:
            said.append(sentence("transfer", "transfer_unjudged", dataset=one.dataset, n=one.unjudged))
        for other, count in one.shared.items():
            named = {"dataset": one.dataset, "other": other, "n": count, "total": one.total}
            said.append(sentence("transfer", "transfer_shared", **named))
    return said


def set_row(one: TransferLead, leads: TransferLeads) -> dict[str, Any]:
    """What the table says of a transfer set."""
    digits = 1 if one.metric.unit == POINTS else FINE_DIGITS
    seen = (None, None, None) if one.lead is None else one.lead.seen_from(leads.leader)
    shown = {
        name: None if number is None else format_number(number, digits, sign=True)
        for name, number in zip(("gap", "lo", "hi"), seen, strict=True)
    }
    value = None if one.value is None else format_number(one.metric.sign * one.value, digits)
    counts = {"images": one.images, "classes": one.classes, "kept": one.kept, "lost": one.lost, "open": one.open}
    row = {"dataset": one.dataset, "metric": one.metric.label, "value": value}
    row |= {"fate": None if one.lead is None else f"fate_{one.fate}"}
    return {**row, **shown, **counts, "leaders": one.leaders}


def draw_transfer(judged: "Verdict", leads: TransferLeads | None, lang: str) -> Figure | None:
    """The leader minus the next model on the reference and on each transfer set; None where units differ."""
    found = judged.judgement
    if leads is None or found.lead is None or any(one.metric.unit != found.metric.unit for one in leads.sets):
        return None
    elsewhere = [(one.dataset, one.lead) for one in leads.sets if one.lead]
    pairs = [(display_name(lang, found.reference), found.lead), *elsewhere]
    bars = []
    for name, pair in pairs:
        gap, lo, hi = pair.seen_from(leads.leader)
        if gap is not None:
            bars.append(Bar(name, gap, lo, hi, pair.is_ahead))
    if len(bars) < 2:
        return None
    unit = unit_phrase(found.metric)
    names = {"model": leads.leader, "other": leads.other, "unit": unit}
    figure = draw_bars(bars, found, say(lang, "axis_transfer", **names))
    return figure | {"alt": f"{say(lang, 'alt_transfer', **names)} {figure['alt']}"}
