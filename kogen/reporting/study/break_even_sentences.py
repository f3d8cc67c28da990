"""Whether pre-training pays, in sentences: by the labels that it saves, and by the errors that it spares."""

import math
from typing import Any

from kogen.common.rounding import round_outward
from kogen.reporting.words import Sentence, format_number, phrase, sentence
from kogen.results.answers.amounts import Amount
from kogen.results.answers.break_even import BreakEven, Payback, Saving, Worth, first_saving
from kogen.results.answers.economics import Economics

SOON = 0.1  # months: of less only the upper end is said
LABEL_KEYS = {Worth.PAYS: "eco_pays", Worth.COSTS: "eco_costs", Worth.UNKNOWN: "eco_unknown"}


def break_even_sentences(even: BreakEven, found: Economics) -> list[Sentence]:
    """What is said of the best pre-trained model beside the best one that was not trained here."""
    if even.reason in ("no_pretrained", "no_untrained", "unknown_runs"):
        return [sentence("costs", f"eco_{even.reason}")]
    said = []
    one = first_saving(even.savings)
    if one is None:
        said.append(sentence("costs", f"eco_{even.reason or 'no_curves'}"))
    else:
        said.append(saving_sentence(one, found))
        said += expert_sentences(one)
    return [*said, *([payback_sentence(even.paybacks[0], found)] if even.paybacks else [])]


def saving_sentence(one: Saving, found: Economics) -> Sentence:
    """What pre-training costs more, the labels that it saves, and whether that pays."""
    named: dict[str, Any] = {"model": one.model, "other": one.other, "saves": saves_phrase(one)}
    if one.worth == Worth.UNPRICED or one.extra is None:
        return sentence("costs", "eco_unpriced", **named, spent=minutes_phrase(one.minutes))
    extra = show_money(one.extra, found.currency)
    if one.pays_from is None:
        return sentence("costs", "eco_free_labels", **named, extra=extra)
    pays_from = count_phrase(one.pays_from)
    return sentence("costs", LABEL_KEYS[one.worth], **named, extra=extra, pays_from=pays_from)


def saves_phrase(one: Saving) -> dict[str, Any]:
    """How many labels are saved, as far as it is known; ends are rounded outward."""
    about: dict[str, Any] = {"other": one.other, "labels": round(one.labels)}
    ends = {
        "lo": None if one.lo is None else int(round_outward(one.lo, 0, up=False)),
        "hi": None if one.hi is None else int(round_outward(one.hi, 0, up=True)),
    }
    if one.saved is None:
        return phrase("eco_saves_none" if one.hi is None else "eco_saves_open", **about, **ends)
    said = {"saved": round(one.saved), **about, **ends}
    if one.at_least:
        return phrase("eco_saves_least_open" if one.lo is None else "eco_saves_least", **said)
    return phrase("eco_saves_perhaps" if one.lo is None else "eco_saves", **said)


def expert_sentences(one: Saving) -> list[Sentence]:
    """The minutes of an expert that are saved, where a label's minutes and the labels are known."""
    if one.experts is None or one.saved is None:
        return []
    value, lo, hi = one.experts.value, one.experts.lo, one.experts.hi
    if lo is None or hi is None:
        return [sentence("costs", "eco_experts", minutes=value)]
    ends = {"lo": round_outward(lo, 1, up=False), "hi": round_outward(hi, 1, up=True)}
    return [sentence("costs", "eco_experts_range", minutes=value, **ends)]


def payback_sentence(one: Payback, found: Economics) -> Sentence:
    """What fewer errors save a month, and when that has repaid the training."""
    named: dict[str, Any] = {"model": one.model, "other": one.other, "extra": show_money(one.extra, found.currency)}
    lo, hi = one.monthly.lo, one.monthly.hi
    if lo is None or hi is None:
        return sentence("costs", "eco_months_no_interval", **named, monthly=price(one.monthly.value, found.currency))
    if lo == hi == 0:
        return sentence("costs", "eco_months_idle", **named)
    monthly = show_money(one.monthly, found.currency)
    if one.worth == Worth.COSTS:
        return sentence("costs", "eco_months_never", **named, monthly=monthly)
    if one.worth == Worth.UNKNOWN or one.months is None:
        return sentence("costs", "eco_months_unknown", **named, monthly=monthly)
    return sentence("costs", "eco_months", **named, monthly=monthly, months=show_months(one.months))


def show_months(months: Amount) -> dict[str, Any]:
    """A number of months with its ends, rounded outward."""
    assert months.lo is not None
    assert months.hi is not None
    lo, hi = round_outward(months.lo, 1, up=False), round_outward(months.hi, 1, up=True)
    if hi <= SOON:
        return phrase("eco_months_soon", hi=hi)
    return phrase("eco_months_range", months=months.value, lo=lo, hi=hi)


def show_money(amount: Amount, currency: str | None) -> dict[str, Any] | str:
    """A price with its ends, rounded outward; without ends where they are the price itself."""
    shown = price(amount.value, currency)
    if amount.lo is None or amount.hi is None or amount.lo == amount.hi:
        return shown
    digits = price_digits(amount.value)
    lo, hi = round_outward(amount.lo, digits, up=False), round_outward(amount.hi, digits, up=True)
    return phrase("eco_range", value=shown, lo=format_number(lo, digits), hi=format_number(hi, digits))


def price(value: float, currency: str | None) -> str:
    """A price in words."""
    return f"{format_number(float(value), price_digits(value))}\u00a0{currency}"


def price_digits(value: float) -> int:
    """Decimals of a price: two, or as many as show two digits of what is less than a tenth."""
    return 2 if abs(value) >= 0.1 or abs(value) < 1e-8 else 1 - math.floor(math.log10(abs(value)))


def minutes_phrase(minutes: Amount | None) -> dict[str, Any]:
    """What training takes more, in minutes."""
    if minutes is None:
        return phrase("eco_minutes_unknown")
    if minutes.lo is None or minutes.hi is None or minutes.lo == minutes.hi:
        return phrase("eco_minutes", minutes=minutes.value)
    lo, hi = round_outward(minutes.lo, 1, up=False), round_outward(minutes.hi, 1, up=True)
    return phrase("eco_minutes_range", minutes=minutes.value, lo=lo, hi=hi)


def count_phrase(labels: Amount) -> dict[str, Any]:
    """From how many labels on something pays: whole ones, so that each end is rounded up."""
    value, *ends = (None if one is None else math.ceil(one - 1e-9) for one in (labels.value, labels.lo, labels.hi))
    if None in ends or ends[0] == ends[1]:
        return phrase("eco_count", n=value)
    return phrase("eco_count_range", n=value, lo=ends[0], hi=ends[1])
