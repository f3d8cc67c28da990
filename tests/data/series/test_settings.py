"""Settings of series: samples and seconds, rates, channels, and what is refused."""

import pytest

from kogen.data.series.settings import check_rate, count_samples, require_window, split_channels


@pytest.mark.parametrize(
    ("value", "rate", "samples"), [(256, 0, 256), ("256", 0, 256), ("2.56s", 100, 256), (".5 s", 3, 2)]
)
def test_samples_and_seconds(value, rate: float, samples: int):
    assert count_samples("window", value, rate, 2) == samples


@pytest.mark.parametrize("value", [1, 0, -5, 2.5, "many", True, "inf", "nan", 10**9, "256ms"])
def test_what_is_no_number_of_samples_is_refused(value):
    with pytest.raises(ValueError, match=r"window = .*: wanted a whole number of samples from 2 to 10,000,000, or sec"):
        count_samples("window", value, 100, 2)


def test_seconds_need_a_rate():
    with pytest.raises(ValueError, match="window = '2s' is in seconds, and the series say no rate"):
        count_samples("window", "2s", 0, 2)


@pytest.mark.parametrize("value", [0, -1, 1e12, float("nan"), True])
def test_rates_are_bounded(value):
    with pytest.raises(ValueError, match=r"rate = .*: wanted samples a second, from 1e-06 to 1e"):
        check_rate("rate", value)


def test_channels_are_a_list_with_commas():
    assert split_channels("a, b") == ("a", "b")
    assert split_channels((1, 2)) == ("1", "2")
    assert split_channels(None) is None
    with pytest.raises(ValueError, match="wanted names or numbers with commas between"):
        split_channels("a,,b")


def test_several_lengths_ask_for_a_window():
    assert require_window([7, 7], "set") == 7
    with pytest.raises(ValueError, match=r"recordings of set have 5 to 7 samples \(2 lengths\): give window=SAMPLES"):
        require_window([7, 5, 7], "set")
