"""Break-even by hand: labels saved and months to pay, and no claim where the interval leaves it open."""

from typing import Any

import pytest
from costs import CLOUD, NETWORK, SUPERVISED, TRAINED, UNTRAINED, facts, match
from hypothesis import given
from hypothesis import strategies as st

from kogen.results.answers.amounts import Amount
from kogen.results.answers.break_even import Worth, first_saving, judge_break_even
from kogen.results.answers.error_costs import ErrorCosts


def saving(row: dict[str, Any], prices: dict[str, Any] | None = None) -> Any:
    return judge_break_even(facts(prices, matches=[row])).savings[0]


def test_labels_saved_pay_for_the_training() -> None:
    found = saving(match(60, 40, 100), CLOUD)
    assert (found.saved, found.lo, found.hi, found.at_least) == (140, 100, 160, False)
    assert found.extra == Amount(2.0, 1.6, 2.4)
    assert found.pays_from == Amount(4.0, pytest.approx(3.2), pytest.approx(4.8))  # labels of .50 EUR
    assert found.worth == Worth.PAYS  # 100 labels of .50 are more than 2.40
    assert found.minutes == Amount(30, 24, 36)


@pytest.mark.parametrize(
    ("row", "label", "worth"),
    [
        (match(60, 40, 100), 0.5, Worth.PAYS),
        (match(60, 40, 100), 0.01, Worth.UNKNOWN),  # at least 1.00 and at most 1.60, the training 1.60 to 2.40
        (match(60, 40, 100), 0.009, Worth.COSTS),  # at most 1.44
        (match(60, 40, 100), 0.0, Worth.COSTS),
        (match(60, 40, None), 0.5, Worth.UNKNOWN),  # all labels may not be enough
        (match(60, None, 100), 0.5, Worth.PAYS),
        (match(None, None, 20), 0.5, Worth.PAYS),  # surely as good with the fewest
        (match(None, None, None), 0.5, Worth.UNKNOWN),
        (match(None, 200, None, reached=False), 0.5, Worth.COSTS),  # surely not as good with all
        (match(None, 150, None, reached=False), 0.5, Worth.UNKNOWN),
        (match(None, None, None, reached=False), 0.5, Worth.UNKNOWN),
    ],
)
def test_whether_it_pays(row: dict[str, Any], label: float, worth: Worth) -> None:
    assert saving(row, CLOUD | {"label": label}).worth == worth


def test_as_good_with_the_fewest_labels_is_a_bound() -> None:
    found = saving(match(None, None, 30))
    assert (found.saved, found.at_least, found.lo, found.hi) == (180, True, 170, 200)


def test_who_never_matches_saves_nothing() -> None:
    found = saving(match(None, 200, None, reached=False))
    assert (found.saved, found.lo, found.hi, found.worth) == (None, None, None, Worth.UNPRICED)
    open_ = saving(match(None, 150, None, reached=False))
    assert (open_.saved, open_.lo, open_.hi) == (None, None, 50)


def test_minutes_of_experts_are_saved_without_any_price() -> None:
    found = saving(match(60, 40, 100), {"label_minutes": 0.5})
    assert found.experts == Amount(70, 50, 80)
    assert found.worth == Worth.UNPRICED
    assert found.extra is None


@given(st.floats(1, 199), st.floats(0, 1), st.floats(0, 1), st.floats(0.001, 10), st.floats(0, 1), st.floats(0, 1))
def test_it_is_said_to_pay_only_where_it_pays_everywhere_within_the_intervals(
    needed: float, low: float, high: float, price: float, first: float, second: float
) -> None:
    lo, hi = needed * low, needed + (200 - needed) * high
    found = saving(match(needed, lo, hi), CLOUD | {"label": price})
    truth = 200 - (lo + first * (hi - lo)), 1.6 + second * 0.8
    gain = truth[0] * price - truth[1]
    assert not (found.worth == Worth.PAYS and gain < -1e-6)
    assert not (found.worth == Worth.COSTS and gain > 1e-6)


def errors(value: float, lo: float | None, hi: float | None) -> ErrorCosts:
    return ErrorCosts({}, {("byol", "random"): Amount(value, lo, hi)}, "", "bad")


USE = CLOUD | {"images_a_day": 1000, "miss": 5, "false_alarm": 1}
MONTH = 1000 * 30.4


def test_fewer_errors_repay_the_training_after_some_months() -> None:
    (found,) = judge_break_even(facts(USE, errors=errors(1e-4, 5e-5, 2e-4))).paybacks
    assert found.monthly == Amount(
        pytest.approx(1e-4 * MONTH), pytest.approx(5e-5 * MONTH), pytest.approx(2e-4 * MONTH)
    )
    assert found.months == Amount(
        pytest.approx(2 / 3.04), pytest.approx(1.6 / 6.08), pytest.approx(2.4 / 1.52)
    )  # the training costs 2.00 (1.60 to 2.40)
    assert found.worth == Worth.PAYS


@pytest.mark.parametrize(
    ("saved", "worth", "months"),
    [
        ((1e-4, -5e-5, 2e-4), Worth.UNKNOWN, True),
        ((-1e-4, -2e-4, -5e-5), Worth.COSTS, False),
        ((-1e-4, -2e-4, 5e-5), Worth.UNKNOWN, False),
        ((1e-4, None, None), Worth.UNKNOWN, True),
        ((0.0, 0.0, 0.0), Worth.COSTS, False),
    ],
)
def test_whether_errors_repay_it(saved: tuple[float, Any, Any], worth: Worth, months: bool) -> None:
    (found,) = judge_break_even(facts(USE, errors=errors(*saved))).paybacks
    assert (found.worth, found.months is not None) == (worth, months)
    assert found.months is None or found.months.hi is None


def test_no_images_a_day_never_repay_it() -> None:
    (found,) = judge_break_even(facts(USE | {"images_a_day": 0}, errors=errors(1e-4, 5e-5, 2e-4))).paybacks
    assert (found.worth, found.months, found.monthly.value) == (Worth.COSTS, None, 0)


def test_a_network_that_costs_more_to_run_repays_later_or_is_not_priced() -> None:
    from dataclasses import replace

    slow = replace(NETWORK, timings=(replace(NETWORK.timings[0], ms=72.0, lo=72.0, hi=72.0), NETWORK.timings[1]))
    plain = replace(NETWORK, timings=(replace(NETWORK.timings[0], lo=36.0, hi=36.0), NETWORK.timings[1]))
    running = {"byol": slow, "random": plain}
    (found,) = judge_break_even(facts(USE, errors=errors(1e-4, 1e-4, 1e-4), running=running)).paybacks
    more = MONTH * 36 / 3.6e6 * 2 * 2.0
    assert found.monthly.value == pytest.approx(1e-4 * MONTH - more)
    unknown = facts(USE, errors=errors(1e-4, 1e-4, 1e-4), running={"byol": slow})
    assert judge_break_even(unknown).paybacks == []


def test_why_nothing_is_said_of_labels() -> None:
    assert judge_break_even(facts()).reason == "no_budgets"
    other = match(60, 40, 100) | {"model": "random", "other": "byol"}
    assert judge_break_even(facts(matches=[other])).reason == "no_curves"
    assert (
        judge_break_even(facts(training={"byol": TRAINED, "sup": SUPERVISED}, order=["byol", "sup"])).reason
        == "no_untrained"
    )
    assert (
        judge_break_even(facts(training={"random": UNTRAINED, "sup": SUPERVISED}, order=["random", "sup"])).reason
        == "no_pretrained"
    )
    renamed = facts(training={"run-a": TRAINED, "random": UNTRAINED})  # `kogen evaluate` names runs by their folders
    assert judge_break_even(renamed).reason == "unknown_runs"
    alone = facts(training={"byol": SUPERVISED, "random": UNTRAINED})  # learns from all labels: it saves none
    assert judge_break_even(alone).reason == "no_pretrained"


def test_a_page_says_the_saving_at_the_quality_of_all_labels() -> None:
    few = match(15, 10, 20, budget="10%") | {"labels": 20.0}
    found = judge_break_even(facts(matches=[few, match(60, 40, 100)])).savings
    assert [one.labels for one in found] == [200, 20]
    assert first_saving(found) == found[0]
    assert first_saving(judge_break_even(facts(matches=[few])).savings) is None
