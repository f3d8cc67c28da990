"""The economics of a study: what each model costs with each number of labels, and which of them is worth its price."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from kogen.common.running_costs import RunningCost
from kogen.options.prices import Prices
from kogen.results.answers.amounts import Amount, add_amounts, exactly
from kogen.results.answers.error_costs import ErrorCosts
from kogen.results.lottery_summary import Note, Row

PARTS = ("labels", "training", "running", "errors")
MONEY, LABELS, MINUTES = "money", "labels", "minutes"  # what a model is judged to cost in, as far as it is known


@dataclass(frozen=True)
class Point:
    """A model that learnt from some labels: how good it is, in the unit of the metric."""

    model: str
    budget: str  # "" for all labels
    labels: float
    quality: Amount
    gain: float  # of which more is better


@dataclass(frozen=True)
class Training:
    """What a run of a model took: the mean over its finished runs, from the fastest to the slowest."""

    trained: bool
    labelled: bool  # it learnt from the labels: supervised
    device: str
    minutes: Amount | None
    hours: Amount | None  # of all threads of the CPU, or GPUs, that were busy
    kwh: Amount | None


@dataclass(frozen=True)
class StudyFacts:
    """What the economics of a study are made from."""

    prices: Prices
    points: Sequence[Point]
    training: Mapping[str, Training]
    running: Mapping[str, RunningCost]  # by model
    errors: ErrorCosts
    matches: Sequence[Row]  # of the table of that name, on the reference
    order: Sequence[str]  # models, the best with all labels first
    tuned: bool = False  # the protocol lets layers of the network learn from the labels


@dataclass(frozen=True)
class Bill:
    """What a model with some labels costs over the months of use; a part that is None is not known."""

    model: str
    budget: str
    labels: float
    quality: Amount
    gain: float
    parts: dict[str, Amount | None]  # by PARTS, in money
    minutes: Amount | None  # of its training
    total: Amount | None  # of the parts that are counted; None where none is
    front: bool = False  # nothing that was tried is as good and cheaper, or better and as cheap, by the estimates


@dataclass(frozen=True)
class Economics:
    """What verdict.json holds of what models cost; money in `currency`, times in minutes and months."""

    currency: str | None
    axes: list[str]  # what costs are compared in: money; labels, minutes where these are in no money
    counted: list[str]  # parts that are in every total
    bills: list[Bill]
    notes: list[Note] = field(default_factory=list)  # what is not counted and why, then what is assumed
    prices: dict[str, Any] = field(default_factory=dict)  # as given


def bill_models(facts: StudyFacts) -> Economics:
    """The bill of every model and budget, and the front of those that nothing beats in both quality and cost."""
    reasons = missing_parts(facts)
    raw = {point: parts_of_point(point, facts) for point in facts.points}
    for name in PARTS:
        if name not in reasons and any(parts[name] is None for parts in raw.values()):
            reasons[name] = Note(f"eco_no_{name}", {})
    counted = [name for name in PARTS if name not in reasons]
    bills = []
    for point, parts in raw.items():
        known = [part for name in counted if (part := parts[name]) is not None]
        minutes = facts.training[point.model].minutes if point.model in facts.training else None
        total = add_amounts(known) if counted else None
        fields = {name: getattr(point, name) for name in ("model", "budget", "labels", "quality", "gain")}
        bills.append(Bill(**fields, parts=parts, minutes=minutes, total=total))
    axes = axes_of(bills, counted)
    places = {model: place for place, model in enumerate(facts.order)}
    bills.sort(key=lambda bill: (places.get(bill.model, len(places)), -bill.labels))
    given = facts.prices.model_dump(exclude_none=True)
    notes = [*reasons.values(), *assumptions(facts, counted, axes)]
    return Economics(facts.prices.currency, axes, counted, mark_front(bills, axes), notes, given)


def parts_of_point(point: Point, facts: StudyFacts) -> dict[str, Amount | None]:
    """What a model with some labels costs in each part, in money; None where that is not known."""
    prices = facts.prices
    months = 0.0 if prices.images_a_day == 0 else prices.months
    label, training = prices.label_price, facts.training.get(point.model)
    running, errors = monthly_running(point.model, facts), monthly_errors(point.model, point.budget, facts)
    return {
        "labels": None if label is None else exactly(label * point.labels),
        "training": None if training is None else training_price(training, prices),
        "running": None if running is None or months is None else running.times(months),
        "errors": None if errors is None or months is None else errors.times(months),
    }


def training_price(training: Training, prices: Prices) -> Amount | None:
    """What a run of a model costs, by the hours of a cloud or the kWh of own machines; None without a price."""
    if prices.owner is None:
        return None
    if not training.trained:
        return exactly(0.0)
    price = prices.kwh if prices.owner == "own" else hourly_price(training.device, prices)
    used = training.kwh if prices.owner == "own" else training.hours
    return None if price is None or used is None else used.times(price)


def hourly_price(device: str, prices: Prices) -> float | None:
    """The price of an hour of a GPU, or of a thread of a CPU."""
    return prices.cpu_hour if device == "cpu" else prices.gpu_hour


def monthly_running(model: str, facts: StudyFacts) -> Amount | None:
    """What running a model costs a month, one image at a time and paid only while it computes; None if not known."""
    prices, cost = facts.prices, facts.running.get(model)
    images = prices.images_a_month
    if images == 0:
        return exactly(0.0)
    if images is None or cost is None or prices.owner is None:
        return None
    own = prices.owner == "own"
    price, used = (prices.kwh, cost.watts / 1000) if own else (hourly_price(cost.device, prices), float(cost.threads))
    one = cost.timings[0]
    hours = Amount(one.ms, one.lo, one.hi).times(images / one.batch / 3.6e6)
    return None if price is None else hours.times(used * price)


def monthly_errors(model: str, budget: str, facts: StudyFacts) -> Amount | None:
    """What the errors of a model cost a month; None where that is not known."""
    images, one = facts.prices.images_a_month, facts.errors.images.get((model, budget))
    return None if images is None or one is None else one.times(images)


def missing_parts(facts: StudyFacts) -> dict[str, Note]:
    """The parts that cannot be counted because something was not asked or measured, and why."""
    prices, found = facts.prices, dict[str, Note]()
    if prices.label_price is None:
        found["labels"] = Note("eco_no_label_price", {})
    if prices.owner is None:
        found["training"] = Note("eco_no_machine_price", {})
    idle = prices.images_a_day == 0
    used = "eco_no_images_a_day" if prices.images_a_day is None else ""
    used = "eco_no_months" if not used and not idle and prices.months is None else used
    if used:
        found["running"] = Note(used, {})
    elif not idle and not facts.running:
        found["running"] = Note("eco_not_measured", {})
    elif not idle and prices.owner is None:
        found["running"] = Note("eco_no_machine_price_running", {})
    if facts.errors.reason:
        found["errors"] = Note(f"eco_{facts.errors.reason}", {})
    elif used:
        found["errors"] = Note(f"{used}_errors", {})
    return found


def axes_of(bills: Sequence[Bill], counted: Sequence[str]) -> list[str]:
    """What costs are compared in: money, and beside it labels and minutes of training where these are not in it."""
    axes = [MONEY] if counted else []
    axes += [LABELS] if "labels" not in counted else []
    known = all(bill.minutes is not None for bill in bills)
    return axes + ([MINUTES] if "training" not in counted and known else [])


def cost_on(bill: Bill, axis: str) -> Amount:
    """What a bill comes to on one axis."""
    found = {MONEY: bill.total, LABELS: exactly(bill.labels), MINUTES: bill.minutes}[axis]
    assert found is not None
    return found


def mark_front(bills: Sequence[Bill], axes: Sequence[str]) -> list[Bill]:
    """The bills, with those marked that no other beats: as good and cheaper, or better and as cheap, on every axis."""
    costs = [[cost_on(bill, axis).value for axis in axes] for bill in bills]
    found = []
    for mine, bill in zip(costs, bills, strict=True):
        beaten = any(
            other.gain >= bill.gain
            and all(there <= here for there, here in zip(theirs, mine, strict=True))
            and (other.gain > bill.gain or theirs != mine)
            for theirs, other in zip(costs, bills, strict=True)
        )
        found.append(replace(bill, front=not beaten))
    return found


def assumptions(facts: StudyFacts, counted: Sequence[str], axes: Sequence[str]) -> list[Note]:
    """What every number rests on, a sentence each."""
    prices, found = facts.prices, [Note("eco_assume_search", {})]
    if "training" in counted or MINUTES in axes:
        found.append(Note("eco_assume_training", {}))
    if facts.tuned:
        found.append(Note("eco_assume_tuned", {}))
    if prices.images_a_day is not None:
        used = {"images": plain_number(prices.images_a_day), "months": plain_number(prices.months or 0)}
        found.append(Note("eco_assume_days" if prices.months is None else "eco_assume_month", used))
        if prices.images_a_day == 0:
            return [*found, Note("eco_assume_idle", {})]
    if "running" in counted:
        found.append(Note("eco_assume_running", {}))
    if prices.owner == "own":
        found.append(Note("eco_assume_watts", {}))
    if not facts.errors.reason and prices.images_a_day is not None:
        found.append(Note("eco_assume_errors", {"positive": facts.errors.positive}))
    return [*found, *([Note("eco_assume_sum", {})] if len(counted) > 1 else [])]


def plain_number(value: float) -> float | int:
    """A whole number as one."""
    return int(value) if value == int(value) else value
