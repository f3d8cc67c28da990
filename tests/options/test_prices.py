"""Prices: wrong ones are refused by name, right ones are read alike from Python, study.toml and the command line."""

import math
from pathlib import Path
from typing import Any

import pytest

from kogen.config.study import make_study, read_study, study_to_toml
from kogen.options.forms import parse_prices
from kogen.options.prices import fault_ratios, make_prices, metric_with_prices

EURO = {"currency": "EUR"}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"label": -1}, r"\[prices\]: label = -1: wanted 0 or more"),
        ({"label": math.nan}, r"\[prices\]: label = nan: no number: wanted one"),
        ({"label": math.inf}, r"\[prices\]: label = inf: infinite: wanted a number"),
        ({"label": "nan"}, r"\[prices\]: label = 'nan': no number: wanted one"),
        ({"label": "1e400"}, r"\[prices\]: label = '1e400': infinite: wanted a number"),
        ({"label": "cheap"}, r"\[prices\]: label = 'cheap': Input should be a valid number"),
        ({"label": "0.5"}, r"\[prices\]: label = '0.5': Input should be a valid number"),
        ({"label": True}, r"\[prices\]: label = True: wanted a number"),
        ({"lable": 1}, r"\[prices\]: unknown key 'lable': did you mean 'label'\?"),
        ({"label": 1}, r"\[prices\]: currency is missing, and label is a price: name it, such as EUR"),
        (EURO | {"label": 1, "label_minutes": 2}, "label and label_minutes both price a label: give label, or"),
        (EURO | {"label": 1, "expert_minute": 2}, "label and expert_minute both price a label"),
        (EURO | {"expert_minute": 2}, "expert_minute is given and label_minutes is missing"),
        (EURO | {"kwh": 0.3, "cpu_hour": 1}, "machine is missing: cloud, where hours are paid, or own"),
        ({"machine": "cloud"}, "machine is cloud, and no hour has a price: give gpu_hour or cpu_hour"),
        ({"machine": "own"}, "machine is own, and kwh is missing: give the price of a kWh"),
        ({"machine": "rented"}, r"machine = 'rented': Input should be 'cloud' or 'own'"),
        (EURO | {"miss": 1}, "miss is given and false_alarm is missing: give both, 0 where it costs nothing"),
        (EURO | {"false_alarm": 1}, "false_alarm is given and miss is missing"),
        (EURO | {"miss": 0, "false_alarm": 0}, "miss and false_alarm are both 0: leave them out"),
        ({"images_a_day": -5}, "images_a_day = -5: wanted 0 or more"),
        ({"currency": ""}, "currency = '': String should have at least 1 character"),
    ],
)
def test_what_is_wrong_is_said_by_its_name(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make_prices(given)
    with pytest.raises(ValueError, match="prices"):
        make_study({"source": "imgs/", "prices": given}, "pilot")


def test_a_label_is_priced_by_itself_or_by_the_minutes_of_an_expert() -> None:
    assert make_prices(EURO | {"label": 0.5}).label_price == 0.5
    assert make_prices(EURO | {"label_minutes": 0.5, "expert_minute": 3}).label_price == 1.5
    assert make_prices({"label_minutes": 0.5}).label_price is None
    assert make_prices({}).is_empty


def test_whose_machines_they_are_follows_from_what_has_a_price() -> None:
    assert make_prices(EURO | {"gpu_hour": 2}).owner == "cloud"
    assert make_prices(EURO | {"kwh": 0.3}).owner == "own"
    assert make_prices(EURO | {"kwh": 0.3, "cpu_hour": 1, "machine": "own"}).owner == "own"
    assert make_prices({}).owner is None
    assert make_prices({"images_a_day": 0}).images_a_month == 0
    assert make_prices({"images_a_day": 10}).images_a_month == 304


def test_faults_have_their_prices_in_one_place() -> None:
    prices = make_prices(EURO | {"miss": 5, "false_alarm": 0.5})
    assert metric_with_prices("auroc", prices) == "auroc"
    assert metric_with_prices(None, prices) is None
    assert metric_with_prices("expected_cost", prices) == "expected_cost?miss=10.0&false_alarm=1.0"
    assert metric_with_prices("expected_cost?positive=bad&miss=10", prices) == (
        "expected_cost?positive=bad&miss=10.0&false_alarm=1.0"
    )
    assert metric_with_prices("expected_cost?miss=3", make_prices({})) == "expected_cost?miss=3"
    with pytest.raises(
        ValueError, match=r"--metric says miss=3, and \[prices\] make it 10 of the cheaper fault: leave"
    ):
        metric_with_prices("expected_cost?miss=3", prices)
    free = make_prices(EURO | {"miss": 5, "false_alarm": 0})
    with pytest.raises(ValueError, match="expected_cost wants a price above 0 of both faults"):
        metric_with_prices("expected_cost", free)
    far = EURO | {"miss": 500, "false_alarm": 1}
    with pytest.raises(ValueError, match=r"miss is 500\.0, wanted a price above 0 and up to 100"):
        make_study({"source": "a", "metric": "expected_cost", "prices": far}, "pilot")


def test_faults_are_in_units_of_the_cheaper_one_that_costs_anything() -> None:
    assert fault_ratios(make_prices({})) == {}
    priced = {"currency": "EUR", "miss": 0.05, "false_alarm": 0.02}
    assert fault_ratios(make_prices(priced)) == {"miss": pytest.approx(2.5), "false_alarm": 1}
    assert fault_ratios(make_prices(priced | {"miss": 0})) == {"miss": 0, "false_alarm": 1}


def test_a_study_holds_them_in_a_table_of_its_own(tmp_path: Path) -> None:
    study = make_study({"source": "imgs/", "prices": EURO | {"label": 1, "months": 6}}, "pilot")
    place = tmp_path / "study.toml"
    place.write_text(study_to_toml(study))
    assert "[prices]" in place.read_text()
    assert read_study(place) == study


def test_they_are_typed_by_name_or_as_a_file_and_what_is_typed_later_stands(tmp_path: Path) -> None:
    place = tmp_path / "our.toml"
    place.write_text('[prices]\ncurrency = "EUR"\nlabel = 0.5\n')
    assert parse_prices([str(place), "label=2", "machine=own"], "prices") == EURO | {"label": 2, "machine": "own"}
    place.write_text("label = 0.5\n")
    assert parse_prices([str(place)], "prices") == {"label": 0.5}
    with pytest.raises(ValueError, match=r"--prices label: write a file.toml, or NAME=VALUE such as label=0.5"):
        parse_prices(["label"], "prices")
    with pytest.raises(ValueError, match=r"cannot read .*none.toml"):
        parse_prices([str(tmp_path / "none.toml")], "prices")
