"""Bills by hand: every part of a total, what is not counted and why, and a front that nothing beats."""

from dataclasses import replace

import pytest
from costs import CLOUD, NETWORK, TRAINED, facts, point
from hypothesis import given
from hypothesis import strategies as st

from kogen.options.prices import make_prices
from kogen.results.answers.amounts import Amount, exactly
from kogen.results.answers.economics import Bill, bill_models, mark_front, training_price
from kogen.results.answers.error_costs import ErrorCosts

USE = {"images_a_day": 1000, "months": 10}
IMAGES = 1000 * 30.4 * 10


def by_name(found: list[Bill]) -> dict[tuple[str, float], Bill]:
    return {(bill.model, bill.labels): bill for bill in found}


def test_a_total_is_labels_training_running_and_errors() -> None:
    errors = ErrorCosts(
        {(model, budget): Amount(0.01, 0.005, 0.02) for model in ("byol", "random") for budget in ("", "10%")},
        reason="",
        positive="bad",
    )
    found = bill_models(facts(CLOUD | USE | {"miss": 5, "false_alarm": 1}, errors=errors))
    assert found.counted == ["labels", "training", "running", "errors"]
    assert found.axes == ["money"]
    bill = by_name(found.bills)["byol", 200.0]
    assert bill.parts["labels"] == exactly(100.0)
    assert bill.parts["training"] == Amount(2.0, 1.6, 2.4)  # an hour of threads
    hours = IMAGES * 36 / 3.6e6 * 2  # 36 ms an image on two threads
    assert bill.parts["running"].value == pytest.approx(2 * hours)  # type: ignore[union-attr]
    assert bill.parts["running"].hi == pytest.approx(4 * hours)  # type: ignore[union-attr]
    assert bill.parts["errors"].value == pytest.approx(0.01 * IMAGES)  # type: ignore[union-attr]
    assert bill.total.value == pytest.approx(102 + 2 * hours + 0.01 * IMAGES)  # type: ignore[union-attr]
    assert bill.total.lo == pytest.approx(101.6 + hours + 0.005 * IMAGES)  # type: ignore[union-attr]
    assert bill.total.hi == pytest.approx(102.4 + 4 * hours + 0.02 * IMAGES)  # type: ignore[union-attr]
    assert found.notes[-1].key == "eco_assume_sum"


def test_own_machines_cost_their_energy() -> None:
    prices = {"currency": "EUR", "label": 0.5, "kwh": 0.4}
    assert training_price(TRAINED, make_prices(prices)) == Amount(0.02 * 0.4, 0.016 * 0.4, 0.024 * 0.4)
    bill = by_name(bill_models(facts(prices | USE)).bills)["byol", 200.0]
    assert bill.parts["running"].value == pytest.approx(IMAGES * 36 / 3.6e6 * 0.02 * 0.4)  # type: ignore[union-attr]


def test_a_gpu_is_paid_by_its_hours() -> None:
    trained = replace(TRAINED, device="cuda")
    assert training_price(trained, make_prices({"currency": "EUR", "gpu_hour": 3})) == Amount(
        3, pytest.approx(2.4), pytest.approx(3.6)
    )
    assert training_price(trained, make_prices({"currency": "EUR", "cpu_hour": 3})) is None


def test_without_prices_labels_and_minutes_are_compared() -> None:
    found = bill_models(facts())
    assert (found.currency, found.counted, found.axes) == (None, [], ["labels", "minutes"])
    assert {(bill.model, bill.labels) for bill in found.bills if bill.front} == {
        ("byol", 200.0), ("byol", 20.0), ("random", 20.0), ("random", 200.0),
    }  # fmt: skip
    assert [note.key for note in found.notes[:4]] == [
        "eco_no_label_price", "eco_no_machine_price", "eco_no_images_a_day", "eco_no_fault_prices",
    ]  # fmt: skip
    assert all(bill.total is None for bill in found.bills)


def test_in_money_what_is_dearer_and_worse_is_not_on_the_front() -> None:
    found = bill_models(facts(CLOUD))
    assert found.axes == ["money"]
    front = {(bill.model, bill.labels) for bill in found.bills if bill.front}
    assert front == {("random", 20.0), ("byol", 20.0), ("byol", 200.0)}  # 10, 12 and 102 EUR; random costs 100 for 70 %


def test_a_part_that_is_unknown_for_one_model_is_counted_for_none() -> None:
    """Else the model of which less is known would seem the cheaper one."""
    found = bill_models(facts(CLOUD | USE, running={"byol": NETWORK}))
    assert found.counted == ["labels", "training"]
    assert "eco_no_running" in [note.key for note in found.notes]
    lost = facts(CLOUD, training={"byol": replace(TRAINED, hours=None), "random": facts().training["random"]})
    assert bill_models(lost).axes == ["money", "minutes"]
    assert "eco_no_training" in [note.key for note in bill_models(lost).notes]


def test_no_images_a_day_cost_nothing_and_it_is_said() -> None:
    found = bill_models(facts(CLOUD | {"images_a_day": 0}, running={}))
    assert "running" in found.counted
    assert by_name(found.bills)["byol", 200.0].parts["running"] == exactly(0.0)
    assert found.notes[-1].key == "eco_assume_idle"


@pytest.mark.parametrize(
    ("prices", "changes", "key"),
    [
        (CLOUD, {}, "eco_no_images_a_day"),
        (CLOUD | {"images_a_day": 5}, {}, "eco_no_months"),
        (CLOUD | USE, {"running": {}}, "eco_not_measured"),
        ({"currency": "EUR", "label": 1} | USE, {}, "eco_no_machine_price_running"),
        (CLOUD | USE, {"errors": ErrorCosts(reason="not_two_classes")}, "eco_not_two_classes"),
        (CLOUD | {"images_a_day": 5}, {"errors": ErrorCosts(reason="")}, "eco_no_months_errors"),
    ],
)
def test_what_is_not_counted_is_said(prices: dict, changes: dict, key: str) -> None:
    assert key in [note.key for note in bill_models(facts(prices, **changes)).notes]


COSTS = st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 5))


@given(st.lists(COSTS, min_size=1, max_size=12))
def test_nothing_beats_the_front_and_the_front_beats_all_else(drawn: list[tuple[int, int, int]]) -> None:
    """`drawn`: gain, labels and minutes of each model."""
    bills = [
        Bill(f"m{i}", "", labels, exactly(gain), gain, {}, exactly(minutes), None)
        for i, (gain, labels, minutes) in enumerate(drawn)
    ]
    found = mark_front(bills, ["labels", "minutes"])

    def beats(one: Bill, other: Bill) -> bool:
        mine, theirs = ((-b.gain, b.labels, b.minutes.value) for b in (one, other))  # type: ignore[union-attr]
        return mine != theirs and all(a <= b for a, b in zip(mine, theirs, strict=True))

    front = [bill for bill in found if bill.front]
    assert front
    for bill in found:
        assert bill.front != any(beats(other, bill) for other in front)


def test_fine_tuning_is_said_not_to_be_counted() -> None:
    assert "eco_assume_tuned" in [note.key for note in bill_models(facts(tuned=True)).notes]
    assert "eco_assume_tuned" not in [note.key for note in bill_models(facts()).notes]


def test_points_of_models_without_a_run_have_no_training() -> None:
    found = bill_models(facts(points=[point("byol", 200, 80), point("from afar", 200, 90)]))
    assert found.axes == ["labels"]  # the minutes of one are not known
