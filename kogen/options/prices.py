"""Prices: what a label, an hour of a machine and an error cost, as [prices] of study.toml and --prices say."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field

from kogen.common.text import parse_spec
from kogen.options.model import Options, validate

TABLE = "[prices]"  # of study.toml, in messages
PARTS = ("label", "expert_minute", "gpu_hour", "cpu_hour", "kwh", "miss", "false_alarm")  # that are in the currency
HOURS = ("gpu_hour", "cpu_hour")
DAYS_A_MONTH = 30.4
MAX_PRICE = 1e12

Amount = Annotated[
    float, Field(strict=True, ge=0, le=MAX_PRICE)
]  # strict: a text is no number, even where it reads as one
Price = Annotated[float, Field(ge=0, le=MAX_PRICE)] | str  # `Prices` says which of them may be a text


class Prices(BaseModel):
    """What things cost; what has no price is not counted, and that is said."""

    model_config = Options.model_config

    currency: Annotated[str, Field(min_length=1, max_length=12)] | None = Field(None, description="such as EUR")
    label: Amount | None = Field(None, description="price of a label")
    label_minutes: Amount | None = Field(None, description="minutes of an expert for a label")
    expert_minute: Amount | None = Field(None, description="price of an expert's minute")
    gpu_hour: Amount | None = Field(None, description="price of an hour of a GPU, with the machine around it")
    cpu_hour: Amount | None = Field(None, description="price of an hour of a thread of a CPU")
    kwh: Amount | None = Field(None, description="price of a kWh")
    machine: Literal["cloud", "own"] | None = Field(None, description="cloud: hours are paid; own: kWh are paid")
    miss: Amount | None = Field(None, description="price of an image of the class looked for that is passed")
    false_alarm: Amount | None = Field(None, description="price of an image that is called for nothing")
    images_a_day: Amount | None = Field(None, description="images that are judged a day")
    months: Amount | None = Field(None, description="months that the model is used")

    @property
    def is_empty(self) -> bool:
        """Whether nothing has a price."""
        return all(getattr(self, name) is None for name in type(self).model_fields)

    @property
    def label_price(self) -> float | None:
        """The price of a label, as given or by the minutes of an expert."""
        if self.label is None and self.label_minutes is not None and self.expert_minute is not None:
            return self.label_minutes * self.expert_minute
        return self.label

    @property
    def owner(self) -> str | None:
        """Whose machines these are: as given, or cloud where hours have a price and own where kWh have one."""
        if self.machine is not None:
            return self.machine
        return "cloud" if self.hourly else "own" if self.kwh is not None else None

    @property
    def hourly(self) -> bool:
        """Whether hours of a machine have a price."""
        return any(getattr(self, name) is not None for name in HOURS)

    @property
    def prices_errors(self) -> bool:
        """Whether a miss and a false alarm have prices."""
        return self.miss is not None

    @property
    def images_a_month(self) -> float | None:
        """Images that are judged in a month of 30.4 days."""
        return None if self.images_a_day is None else self.images_a_day * DAYS_A_MONTH


def make_prices(given: Mapping[str, Any], where: str = TABLE) -> Prices:
    """The prices that are given. ValueError names the key that is wrong, missing or too much."""
    prices = validate(Prices, given, where)
    missing = {name: getattr(prices, name) is None for name in Prices.model_fields}
    for name in ("label_minutes", "expert_minute"):
        if not missing["label"] and not missing[name]:
            raise ValueError(
                f"{where}: label and {name} both price a label: give label, or label_minutes and expert_minute"
            )
    if not missing["expert_minute"] and missing["label_minutes"]:
        raise ValueError(f"{where}: expert_minute is given and label_minutes is missing: how many does a label take?")
    priced = [name for name in PARTS if not missing[name]]
    if priced and missing["currency"]:
        raise ValueError(f"{where}: currency is missing, and {priced[0]} is a price: name it, such as EUR")
    if prices.hourly and not missing["kwh"] and missing["machine"]:
        raise ValueError(f"{where}: machine is missing: cloud, where hours are paid, or own, where kWh are paid")
    if prices.machine == "cloud" and not prices.hourly:
        raise ValueError(f"{where}: machine is cloud, and no hour has a price: give gpu_hour or cpu_hour")
    if prices.machine == "own" and missing["kwh"]:
        raise ValueError(f"{where}: machine is own, and kwh is missing: give the price of a kWh")
    check_faults(prices, where)
    return prices


def check_prices(given: dict[str, Price]) -> dict[str, Price]:
    """The prices as they are given. ValueError as `make_prices`."""
    make_prices(given)
    return given


PriceTable = Annotated[dict[str, Price], AfterValidator(check_prices)]


def check_faults(prices: Prices, where: str) -> None:
    """ValueError where one of the two faults has a price and the other has none, or both cost nothing."""
    for name, other in (("miss", "false_alarm"), ("false_alarm", "miss")):
        if getattr(prices, name) is not None and getattr(prices, other) is None:
            raise ValueError(f"{where}: {name} is given and {other} is missing: give both, 0 where it costs nothing")
    if prices.miss == prices.false_alarm == 0:
        raise ValueError(f"{where}: miss and false_alarm are both 0: leave them out")


def metric_with_prices(metric: str | None, prices: Prices, where: str = TABLE) -> str | None:
    """The metric as it is typed, `expected_cost` with the prices of its faults where they are given.

    These have one place, [prices]; the metric wants them in units of the cheaper fault. ValueError where the metric
    names others, or one fault costs nothing or over 100 times as much as the other.
    """
    name, given = parse_spec(metric or "")
    if name != "expected_cost" or prices.miss is None or prices.false_alarm is None:
        return metric
    ratios = fault_ratios(prices)
    if not all(ratios.values()):
        raise ValueError(f"{where}: expected_cost wants a price above 0 of both faults: choose another metric")
    for key, value in ratios.items():
        if key in given and not is_number(given[key], value):
            got = f"--metric says {key}={given[key]}, and {where} make it {value:g} of the cheaper fault"
            raise ValueError(f"{got}: leave the prices out of the metric")
    texts = {key: ",".join(map(str, one)) if isinstance(one, tuple) else str(one) for key, one in given.items()}
    texts |= {key: repr(value) for key, value in ratios.items()}
    return f"{name}?{'&'.join(f'{key}={text}' for key, text in texts.items())}"


def fault_ratios(prices: Prices) -> dict[str, float]:
    """The prices of a miss and a false alarm in units of the cheaper one that costs anything; {} without them."""
    if prices.miss is None or prices.false_alarm is None:
        return {}
    least = min(price for price in (prices.miss, prices.false_alarm) if price)
    return {"miss": prices.miss / least, "false_alarm": prices.false_alarm / least}


def is_number(given: Any, value: float) -> bool:
    """Whether what is given is this number, to what a price is written with."""
    return isinstance(given, int | float) and abs(given - value) <= 1e-6 * value
