"""The page of a metric that is no accuracy: its name, its sign and its decimals, and a margin in its unit."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kogen.options.lottery import LotteryOptions
from kogen.reporting.lottery import page
from kogen.results.judge import judge_results


def probabilities(n: int = 80) -> pd.DataFrame:
    rng, frames = np.random.default_rng(3), []
    for dataset in ("val", "night"):
        label = np.where(np.arange(n) % 2, "bad", "good")
        for model, skill in (("a", 2.0), ("b", 0.5)):
            bad = 1 / (1 + np.exp(-skill * np.where(label == "bad", 1, -1) - rng.normal(size=n)))
            predicted = np.where(bad > 0.5, "bad", "good")
            rows = {"model": model, "dataset": dataset, "item": np.arange(n), "label": label, "predicted": predicted}
            frames.append(
                pd.DataFrame(rows | {"correct": (predicted == label) * 1, "prob_bad": bad, "prob_good": 1 - bad})
            )
    return pd.concat(frames, ignore_index=True)


@pytest.mark.parametrize(("lang", "name"), [("en", "log loss"), ("ja", "対数損失")])
def test_captions_and_numbers_are_those_of_the_metric(tmp_path: Path, lang: str, name: str) -> None:
    options = LotteryOptions(reference="val", metric="log_loss", margin=0.02, draws=100)
    summary, found = judge_results(probabilities(), options, tmp_path)
    page.write(tmp_path, lang=lang)
    text = re.sub(r"<script.*?</script>|<[^>]+>", " ", (tmp_path / "report.html").read_text(), flags=re.DOTALL)
    values = pd.read_parquet(tmp_path / "values.parquet").set_index(["model", "dataset"])["value"]
    assert name in text
    for word in ("Accuracy in %", "Share of the images", "mean, %", "mean accuracy", "正解率（%）", "平均正解率"):
        assert word not in text
    loss = f"{-values['a', 'val']:.3f}"
    assert loss in text
    assert f"−{loss}" not in text
    assert "mean_logit" not in summary.unified.winners
    assert f"{found.margin:.3f} " in text
    for row in summary.bet.picks:  # gains are lifted to be scores on the way, and come back
        assert row["expected"] == pytest.approx(values[row["model"]].mean())


def test_a_margin_of_points_is_not_taken_for_nats() -> None:
    with pytest.raises(ValueError, match="log_loss is in nats, so say the smallest difference that matters in them"):
        judge_results(probabilities(), LotteryOptions(reference="val", metric="log_loss"))
