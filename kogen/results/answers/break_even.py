"""Break-even: the labels that pre-training saves at equal quality, and the months after which fewer errors repay it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from kogen.results.answers.amounts import Amount, divide, exactly
from kogen.results.answers.economics import StudyFacts, monthly_running, training_price
from kogen.results.lottery_summary import Row


class Worth(StrEnum):
    """Whether pre-training pays, with 95 %."""

    PAYS = "pays"
    COSTS = "costs"  # it does not pay
    UNKNOWN = "unknown"  # the interval leaves both open
    UNPRICED = "unpriced"  # labels or training have no price


@dataclass(frozen=True)
class Saving:
    """The labels that a pre-trained model saves beside one that is not trained here, at the quality of that one."""

    model: str
    other: str
    budget: str  # of the other; "" for all labels
    labels: float  # of the other
    saved: float | None  # None: it does not reach that quality with all labels that were tried
    at_least: bool  # it is as good with the fewest labels that were tried: `saved` is what those leave
    lo: float | None  # None: it may save nothing, and nobody knows how much it may cost more
    hi: float | None  # None: it is surely not as good with what was tried: nothing is saved
    worth: Worth
    extra: Amount | None = None  # what its training costs more, in money
    pays_from: Amount | None = None  # labels saved from which on its training pays
    minutes: Amount | None = None  # its training takes more
    experts: Amount | None = None  # minutes of experts that are saved, where a label's minutes are known


@dataclass(frozen=True)
class Payback:
    """What a pre-trained model saves a month by fewer errors, less what running it costs more, with all labels."""

    model: str
    other: str
    monthly: Amount
    extra: Amount
    months: Amount | None  # None: it saves nothing; its hi is None where it may save nothing
    worth: Worth


@dataclass(frozen=True)
class BreakEven:
    """Both ways in which pre-training may pay, for every pair of a pre-trained model and one that is not."""

    savings: list[Saving]
    paybacks: list[Payback]
    reason: str = ""  # why there are no savings: no_budgets | no_curves | no_pretrained | no_untrained | unknown_runs


def judge_break_even(facts: StudyFacts) -> BreakEven:
    """Whether own pre-training pays, by the labels it saves and by the errors it spares; best models first."""
    known = [model for model in facts.order if model in facts.training]
    own = [model for model in known if facts.training[model].trained and not facts.training[model].labelled]
    others = [model for model in known if not facts.training[model].trained]
    if (not own or not others) and len(known) < len(facts.order):
        return BreakEven([], [], "unknown_runs")
    if not own or not others:
        return BreakEven([], [], "no_untrained" if own else "no_pretrained")
    rows = {(row["model"], row["other"], row["budget"]): row for row in facts.matches}
    savings, paybacks = [], []
    for model in own:
        for other in others:
            mine = [row for (first, second, _), row in rows.items() if (first, second) == (model, other)]
            fewest = least_labels(model, facts)
            savings += [saving_of(row, fewest, facts) for row in sorted(mine, key=lambda row: -row["labels"])]
            if payback := payback_of(model, other, facts):
                paybacks.append(payback)
    return BreakEven(savings, paybacks, "" if savings else "no_curves" if facts.matches else "no_budgets")


def least_labels(model: str, facts: StudyFacts) -> float:
    """The fewest labels with which a model was tried."""
    return min((point.labels for point in facts.points if point.model == model), default=0.0)


def saving_of(row: Row, fewest: float, facts: StudyFacts) -> Saving:
    """What a row of `matches` says in labels, and in money where there are prices.

    There `needed` null is fewer than were tried where `reached`, else more; of its ends, null at the low one is fewer
    than were tried (0 at the least), null at the high one more.
    """
    labels, needed, lo, hi = (row[name] for name in ("labels", "needed", "needed_lo", "needed_hi"))
    tried = max((point.labels for point in facts.points if point.model == row["model"]), default=labels)
    at_least = needed is None and row["reached"]
    saved = labels - fewest if at_least else None if needed is None else labels - needed
    lost = needed is None and not row["reached"] and lo is not None and lo >= tried
    ends = (None if hi is None else labels - hi, None if lost else labels - (lo or 0.0))
    model, other = row["model"], row["other"]
    extra, price = extra_training(model, other, facts), facts.prices.label_price
    worth = Worth.UNPRICED
    if extra is not None and price is not None:
        lowest, highest = (None if end is None else end * price for end in ends)
        worth = weigh(lowest, highest, extra, lost=lost)
    pays_from = divide(extra, exactly(price)) if extra is not None and price else None
    mine, theirs = facts.training[model].minutes, facts.training[other].minutes
    minutes = None if mine is None or theirs is None else mine.minus(theirs)
    each = facts.prices.label_minutes
    experts = None if each is None or saved is None else Amount(saved, *ends).times(each)
    about = (model, other, row["budget"], labels)
    return Saving(*about, saved, at_least, *ends, worth, extra, pays_from, minutes, experts)


def weigh(lo: float | None, hi: float | None, extra: Amount, *, lost: bool) -> Worth:
    """Whether what is saved (lo to hi, in money) is more than what is spent; `lost`: surely nothing is saved."""
    if lost:
        return Worth.COSTS
    if lo is not None and extra.hi is not None and lo > extra.hi:
        return Worth.PAYS
    if hi is not None and extra.lo is not None and hi < extra.lo:
        return Worth.COSTS
    return Worth.UNKNOWN


def extra_training(model: str, other: str, facts: StudyFacts) -> Amount | None:
    """What training a model costs more than training another, in money; None without a price."""
    mine, theirs = (training_price(facts.training[name], facts.prices) for name in (model, other))
    return None if mine is None or theirs is None else mine.minus(theirs)


def payback_of(model: str, other: str, facts: StudyFacts) -> Payback | None:
    """After how many months fewer errors repay the training of a model; None where errors or training have no price.

    Running counts where it has a price: models that share a network cost the same to run, exactly.
    """
    images, saving = facts.prices.images_a_month, facts.errors.savings.get((model, other))
    extra = extra_training(model, other, facts)
    if images is None or saving is None or extra is None:
        return None
    monthly = saving.times(images)
    if facts.running.get(model) != facts.running.get(other):
        mine, theirs = monthly_running(model, facts), monthly_running(other, facts)
        if mine is None or theirs is None:
            return None
        monthly = monthly.minus(mine.minus(theirs))
    months = divide(extra, monthly)
    worth = Worth.UNKNOWN
    if monthly.lo is not None and monthly.lo > 0:
        worth = Worth.PAYS
    elif monthly.hi is not None and monthly.hi <= 0:
        worth = Worth.COSTS
    return Payback(model, other, monthly, extra, months, worth)


def first_saving(savings: Sequence[Saving]) -> Saving | None:
    """The saving that a page says: at the quality that the other has with all labels, of the best two models."""
    return next((one for one in savings if not one.budget), None)
