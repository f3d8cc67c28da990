"""Tiers from hand-made pairs, and Wilcoxon's test of them over sets."""

import pandas as pd

from kogen.statistics.tiers import tiers


def pairs(*rows: tuple[str, str, float], dataset: str = "s") -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["first", "second", "family_lo"]).assign(dataset=dataset)


def listed(table: pd.DataFrame) -> list[tuple[str, int, str]]:
    return [(row["dataset"], row["tier"], row["model"]) for row in tiers(table).to_dict("records")]


def test_a_tier_is_what_no_model_that_is_left_beats() -> None:
    table = pairs(
        ("a", "b", -1.0), ("a", "c", 1.0), ("a", "d", 1.0), ("b", "c", -1.0), ("b", "d", 1.0), ("c", "d", 1.0)
    )
    assert listed(table) == [("s", 1, "a"), ("s", 1, "b"), ("s", 2, "c"), ("s", 3, "d")]
    assert listed(pairs(("a", "b", 0.0))) == [("s", 1, "a"), ("s", 1, "b")]  # 0 is no lead
    assert listed(pairs(("a", "b", 1e-9))) == [("s", 1, "a"), ("s", 2, "b")]


def test_sets_stand_by_name_and_are_judged_apart() -> None:
    table = pd.concat([pairs(("a", "b", 1.0), dataset="t"), pairs(("b", "a", 1.0), dataset="s")])
    assert listed(table) == [("s", 1, "b"), ("s", 2, "a"), ("t", 1, "a"), ("t", 2, "b")]
    assert tiers(table.head(0)).empty
    assert list(tiers(table)) == ["dataset", "tier", "model"]
