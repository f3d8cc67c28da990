"""Sentences of a decision: each claim is checked against the tables, over thousands of random judgements."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import judge_scores, make_tables

from kogen.reporting.decision.lights import Light, lights
from kogen.reporting.decision.sentences import LUCK, catches, headline, how_sure, percent, safer_choice
from kogen.reporting.decision.steps import next_steps
from kogen.reporting.words import Sentence, say
from kogen.results.decide import make_judgement
from kogen.results.findings import Answer
from kogen.results.judgement import Action, Judgement, RulesFinding, SafeFinding, ShareFinding

KINDS = ("byol", "simclr", "supervised", "random", "stock", "minirocket")
CASES = 400  # `make slow` renders 2,000


class World:
    """A judgement and the tables that it was made from, as its claims are checked against."""

    def __init__(self, tables: dict[str, Any], found: Judgement) -> None:
        self.found = found
        self.rows: dict[tuple[str, str, str], tuple[float, float, str]] = {}
        for row in tables["pairs"].to_dict("records"):
            ends = row["family_lo"], row["family_hi"]
            self.rows[row["dataset"], row["first"], row["second"]] = (*ends, row["verdict"])
            self.rows[row["dataset"], row["second"], row["first"]] = (-ends[1], -ends[0], row["verdict"])
        self.values = {(row["dataset"], row["model"]): row["value"] for row in tables["values"].to_dict("records")}
        self.floors = {(row["dataset"], row["model"]): row for row in tables["floors"].to_dict("records")}

    def models(self, dataset: str) -> list[str]:
        return [model for name, model in self.values if name == dataset]

    def row(self, dataset: str, one: str, other: str) -> tuple[float, float, str]:
        """Ends of the interval of `one` minus `other`, and the verdict."""
        return self.rows[dataset, one, other]

    def ahead(self, dataset: str, one: str, other: str) -> bool:
        return self.row(dataset, one, other)[0] > 0

    def leads(self, dataset: str, one: str) -> bool:
        """Whether a model is ahead of every other, by more than too little."""
        others = [model for model in self.models(dataset) if model != one]
        rows = [self.row(dataset, one, other) for other in others]
        return bool(rows) and all(low > 0 and word == "better" for low, _, word in rows)

    def clear(self, dataset: str, model: str) -> bool:
        """Whether a model is clear of the constant answer, or there is none."""
        row = self.floors.get((dataset, model))
        return row is None or row["lo"] > 0

    def is_pair(self, said: Sentence) -> bool:
        """Whether the numbers of a sentence are those of the table."""
        v = said.values
        low, high, _ = self.row(v["dataset"], v["first"], v["second"])
        gap = self.values[v["dataset"], v["first"]] - self.values[v["dataset"], v["second"]]
        wanted = (gap, low, high)
        return all(abs(a - b) < 1e-9 for a, b in zip(wanted, (v["difference"], v["low"], v["high"]), strict=True))


def pair_claim(check: Callable[[World, Any, tuple[float, float, str]], bool]) -> Any:
    """A claim on the pair of a sentence, whose numbers have to be those of the table."""

    def claim(world: World, said: Sentence) -> bool:
        v = said.values
        return world.is_pair(said) and check(world, v, world.row(v["dataset"], v["first"], v["second"]))

    return claim


def kind_of(world: World, model: str) -> str:
    kind = world.found.methods[model]
    return kind if kind in ("supervised", "random", "stock", "minirocket") else "own"


def is_best_of_kind(world: World, dataset: str, model: str) -> bool:
    mine = [one for one in world.models(dataset) if kind_of(world, one) == kind_of(world, model)]
    return world.values[dataset, model] >= max(world.values[dataset, one] for one in mine) - 1e-9


def worth(first: str, second: str, word: str) -> Any:
    """A claim on the best model of two kinds, in this order (`any`: either)."""

    def check(world: World, v: Any, row: tuple[float, float, str]) -> bool:
        kinds = [kind_of(world, v["first"]), kind_of(world, v["second"])]
        asked = kinds == [first, second] if word == "better" else sorted(kinds) == sorted([first, second])
        best = all(is_best_of_kind(world, v["dataset"], v[name]) for name in ("first", "second"))
        return asked and best and row[2] in (("small", "equivalent") if word == "equivalent" else (word,))

    return pair_claim(check)


def no_lead(world: World) -> bool:
    return not any(world.leads(world.found.reference, model) for model in world.models(world.found.reference))


def is_highest(world: World, dataset: str, model: str) -> bool:
    return all(world.values[dataset, other] <= world.values[dataset, model] + 1e-9 for other in world.models(dataset))


CLAIMS: dict[str, Callable[[World, Sentence], bool]] = {
    "do_bet": lambda w, s: w.leads(s.values["dataset"], s.values["model"]) and kind_of(w, s.values["model"]) == "own",
    "do_bet_supervised": lambda w, s: (
        w.leads(s.values["dataset"], s.values["model"]) and kind_of(w, s.values["model"]) == "supervised"
    ),
    "do_bet_minirocket": lambda w, s: (
        w.leads(s.values["dataset"], s.values["model"]) and kind_of(w, s.values["model"]) == "minirocket"
    ),
    "do_bet_stock": lambda w, s: (
        w.leads(s.values["dataset"], s.values["model"]) and kind_of(w, s.values["model"]) == "stock"
    ),
    "do_split": lambda w, s: (
        w.leads(s.values["dataset"], s.values["model"])
        and all(w.ahead(name, s.values["other"], s.values["model"]) for name in s.values["sets"])
    ),
    "do_shared": lambda w, s: no_lead(w) and are_level(w, s.values["models"], s.values["dataset"]),
    "do_shared_cheapest": lambda w, s: (
        no_lead(w) and are_level(w, s.values["models"], s.values["dataset"]) and s.values["model"] in s.values["models"]
    ),
    "do_equal": lambda w, s: len(s.values["models"]) > 1 and equal_to_leader(w, s.values["models"]),
    "do_equal_cheapest": lambda w, s: equal_to_leader(w, [s.values["model"], *s.values["others"]]),
    "do_floor": lambda w, s: all(
        not w.clear(s.values["dataset"], one) and is_highest(w, s.values["dataset"], one) for one in s.values["models"]
    ),
    "do_untrained": lambda w, s: all(
        w.row(s.values["dataset"], one, s.values["random"])[2] == "undecided" for one in s.values["models"][:1]
    ),
    "do_untrained_equal": lambda w, s: all(
        w.row(s.values["dataset"], one, s.values["random"])[2] in ("small", "equivalent")
        for one in s.values["models"][:1]
    ),
    "do_untrained_first": lambda w, s: is_highest(w, s.values["dataset"], s.values["random"]),
    "do_untrained_leads": lambda w, s: all(
        w.values[s.values["dataset"], s.values["random"]] > w.values[s.values["dataset"], one]
        for one in w.models(s.values["dataset"])
        if one != s.values["random"]
    ),
    "do_one": lambda w, s: w.models(s.values["dataset"]) == [s.values["model"]],
    "sure_value": lambda w, s: all(is_highest(w, w.found.reference, one) for one in s.values["models"]),
    "sure_value_floor": lambda w, s: all(is_highest(w, w.found.reference, one) for one in s.values["models"]),
    "sure_ahead": pair_claim(lambda w, v, row: row[0] > 0 and row[2] == "better"),
    "sure_small": pair_claim(lambda w, v, row: row[0] > 0 and row[2] == "small"),
    "sure_equal": pair_claim(lambda w, v, row: row[2] == "equivalent"),
    "sure_open": pair_claim(lambda w, v, row: row[2] == "undecided" and row[0] <= 0 and abs(v["difference"]) > 1e-9),
    "sure_tie": pair_claim(lambda w, v, row: row[2] == "undecided" and abs(v["difference"]) < 1e-9),
    "sure_chance": lambda w, s: w.row(w.found.reference, s.values["first"], s.values["second"])[2] == "undecided",
    "sure_floor": lambda w, s: not w.clear(s.values["dataset"], s.values["model"]),
    "sure_untrained": pair_claim(lambda w, v, row: "random" in (kind_of(w, v["first"]), kind_of(w, v["second"]))),
    "sure_kept": lambda w, s: (
        w.leads(w.found.reference, w.found.leader)
        and all(
            w.ahead(name, w.found.leader, other)
            for name in s.values["sets"]
            for other in w.models(name)
            if other != w.found.leader
        )
    ),
    "worth_yes": worth("own", "supervised", "better"),
    "worth_no": worth("supervised", "own", "better"),
    "worth_open": worth("own", "supervised", "undecided"),
    "worth_equal": worth("own", "supervised", "equivalent"),
    "published_yes": worth("own", "stock", "better"),
    "published_no": worth("stock", "own", "better"),
    "published_open": worth("own", "stock", "undecided"),
    "published_equal": worth("own", "stock", "equivalent"),
    "worth_yes_same": worth("own", "supervised", "better"),
    "worth_no_same": worth("supervised", "own", "better"),
    "worth_open_same": worth("own", "supervised", "undecided"),
    "worth_equal_same": worth("own", "supervised", "equivalent"),
    "published_yes_same": worth("own", "stock", "better"),
    "published_no_same": worth("stock", "own", "better"),
    "published_open_same": worth("own", "stock", "undecided"),
    "published_equal_same": worth("own", "stock", "equivalent"),
    "catch_lost": pair_claim(lambda w, v, row: row[0] > 0 and v["second"] == w.found.leader),
    "catch_open": lambda w, s: (
        w.leads(w.found.reference, w.found.leader)
        and not any(w.leads(name, w.found.leader) for name in s.values["sets"])
    ),
    "catch_absent": lambda w, s: all(
        s.values["model"] not in w.models(name) or len(w.models(name)) == 1 for name in s.values["sets"]
    ),
    "catch_floor": lambda w, s: not w.clear(s.values["dataset"], s.values["model"]),
    "catch_one_set": lambda w, s: not w.found.targets,
    "catch_safer": lambda w, s: s.values["second"] not in w.found.leaders,
    "next_second": lambda w, s: len(w.models(w.found.reference)) == 1,
    "next_floor": lambda w, s: w.found.action == Action.FLOOR and w.found.floor.difference > w.found.margin,
    "next_train_more": lambda w, s: w.found.action in (Action.FLOOR, Action.UNTRAINED),
    "next_weigh": lambda w, s: bool(w.found.lost),
    "next_use": lambda w, s: w.leads(w.found.reference, s.values["model"]),
    "next_second_set": lambda w, s: w.leads(w.found.reference, s.values["model"]) and not w.found.targets,
    "next_price": lambda w, s: not w.leads(w.found.reference, w.found.leader),
    "next_guess": lambda w, s: is_highest(w, w.found.reference, s.values["model"]),
    "next_images": lambda w, s: w.row(s.values["dataset"], s.values["first"], s.values["second"])[2] == "undecided",
    "next_seeds": lambda w, s: w.row(s.values["dataset"], s.values["first"], s.values["second"])[2] == "undecided",
    "next_tie": lambda w, s: (
        abs(w.values[s.values["dataset"], s.values["first"]] - w.values[s.values["dataset"], s.values["second"]]) < 1e-9
    ),
    "next_too_many": lambda w, s: w.row(s.values["dataset"], s.values["first"], s.values["second"])[2] == "undecided",
    "why_one": lambda w, s: w.models(w.found.reference) == [s.values["model"]],
    "why_single_set": lambda w, s: not w.found.targets,
    "why_floor": lambda w, s: all(not w.clear(w.found.reference, one) for one in s.values["models"][:1]),
    "why_no_lead": lambda w, s: no_lead(w),
    "why_nothing": lambda w, s: w.found.action in (Action.FLOOR, Action.UNTRAINED),
    "why_two": lambda w, s: True,
    "why_rules_all": lambda w, s: s.values["n"] == s.values["total"],
    "why_rules_some": lambda w, s: s.values["n"] < s.values["total"] and bool(s.values["others"]),
    "why_rules_scores": lambda w, s: w.found.rules is not None and w.found.rules.nearest is None,
    "why_combined": lambda w, s: s.values["lo"] > 0,
    "why_combined_open": lambda w, s: w.found.rules is not None and w.found.rules.answer != Answer.BETTER,
    "why_least": lambda w, s: w.found.safe is not None and w.found.safe.regret > 0,
    "why_never": lambda w, s: w.found.safe is not None and w.found.safe.regret == 0,
    "why_near_best": lambda w, s: 0 <= s.values["chance"] <= 100,
    "why_safe_scores": lambda w, s: w.found.safe is not None and w.found.safe.chance is None,
}


def words_against(world: World, dataset: str) -> dict[str, str]:
    """The verdict of the leader's pair with each other model."""
    leader = world.found.leader
    return {one: world.row(dataset, leader, one)[2] for one in world.models(dataset) if one != leader}


def are_level(world: World, models: list[str], dataset: str) -> bool:
    """Whether these are the leader and all that the data cannot tell from it, and there is one."""
    words = words_against(world, dataset)
    level = {one for one, word in words.items() if word in ("undecided", "equivalent")}
    return set(models) == {world.found.leader, *level} and "undecided" in words.values()


def equal_to_leader(world: World, models: list[str]) -> bool:
    """Whether these are the leader and all that are within the margin of it, and none is undecided."""
    words = words_against(world, world.found.reference)
    close = {one for one, word in words.items() if word in ("small", "equivalent")}
    return set(models) == {world.found.leader, *close} and "undecided" not in words.values()


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """A random judgement of one to six models on one to four sets, ties, margins, floors and absent models included."""
    drawn = draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=6))
    kinds = [kind for i, kind in enumerate(drawn) if kind not in ("random", "supervised") or kind not in drawn[:i]]
    models = {f"{kind}{i}": kind for i, kind in enumerate(kinds)}
    points, halves = st.integers(40, 60).map(lambda n: n / 2), st.sampled_from([0.0, 0.4, 0.9, 1.5, 3.0, 8.0])
    sets = [f"set{i}" for i in range(draw(st.integers(1, 4)))]
    scores: dict[str, dict[str, float]] = {}
    for i, name in enumerate(sets):
        there = [model for model in models if i == 0 or draw(st.integers(0, 9)) > 0] or list(models)[:1]
        scores[name] = {model: draw(points) for model in there}
    wide = {(name, a, b): draw(halves) for name, row in scores.items() for a in row for b in row if a < b}
    margin = draw(st.sampled_from([0.0, 0.5, 1.0, 4.0]))
    floors = {name: ("Free", draw(points)) for name in sets if draw(st.booleans())}
    more = {(a, b): draw(st.sampled_from([None, 40, 1234, 2_000_000])) for a in models for b in models}
    tables = make_tables(scores, wide, half=1.0, margin=margin, floors=floors, more=more)
    minutes = {model: draw(st.sampled_from([1.0, 5.0])) for model in models} if draw(st.booleans()) else {}
    found = make_judgement(tables, reference=sets[0], targets=sets[1:], margin=margin, methods=models, minutes=minutes)
    return World(tables, add_sets(draw, found, list(models)))


def add_sets(draw: st.DrawFn, found: Judgement, models: list[str]) -> Judgement:
    """What only a lottery over several sets knows."""
    if not found.targets or len(models) < 2:
        return found
    names = st.sampled_from(models)
    model, other, low = draw(names), draw(names), draw(st.sampled_from([-1.0, 0.5]))
    same = draw(st.integers(1, 8))
    row = {"first": model, "second": other, "difference": 1.0, "lo": low, "hi": 3.0}
    nearest = draw(st.sampled_from([None, row]))
    proven = Answer.BETTER if nearest and low > 0 and same == 8 else Answer.UNDECIDED
    answer = proven if nearest else Answer.UNKNOWN if same == 8 else Answer.UNDECIDED
    rules = RulesFinding(answer, model, same, 8, [] if same == 8 else [other], nearest)
    chance = draw(st.sampled_from([None, 0.01, 0.5, 0.99]))
    safe = {None: Answer.UNKNOWN, 0.99: Answer.BETTER}.get(chance, Answer.UNDECIDED)
    regret = draw(st.sampled_from([0.0, 0.4, 5.0]))
    least = SafeFinding(
        safe, chance == 0.01, model, regret, found.reference, chance, 3, other, regret + 1, 0.2, True, [], []
    )
    return replace(found, rules=rules, safe=least)


def check_light(world: World, light: Light) -> None:
    """A light is green only where an interval says so, and red only where one says the opposite."""
    found = world.found
    if light.name == "real":
        clear = world.clear(found.reference, found.leader)
        gained = found.action not in (Action.FLOOR, Action.UNTRAINED)
        assert (light.colour == "green") == (world.leads(found.reference, found.leader) and gained)
        assert light.colour != "green" or clear
    if light.name == "holds" and light.colour in ("green", "red"):
        assert world.leads(found.reference, found.leader)
        kept = [world.leads(name, found.leader) for name in found.targets if found.leader in world.models(name)]
        assert all(kept) and len(kept) == len(found.targets) if light.colour == "green" else not all(kept)
    if light.name == "rules" and light.colour == "green":
        assert found.rules is not None
        assert found.rules.nearest is not None
        assert found.rules.nearest["lo"] > 0
        assert found.rules.same == found.rules.total
    if light.name == "safe" and found.safe:
        gained = found.action not in (Action.FLOOR, Action.UNTRAINED)
        wanted = {None: "grey", 0.01: "red", 0.5: "amber", 0.99: "green" if gained else "amber"}
        assert light.colour == wanted[found.safe.chance]


@settings(max_examples=CASES, deadline=None)
@given(worlds())
def test_no_sentence_claims_what_the_tables_do_not_say(world: World) -> None:
    check_claims(world)


@pytest.mark.slow
@settings(max_examples=2_000, deadline=None)
@given(worlds())
def test_no_sentence_of_two_thousand_judgements_contradicts_the_tables(world: World) -> None:
    check_claims(world)


def check_claims(world: World) -> None:
    """Each sentence of a judgement against its tables, and each light against the intervals."""
    found = world.found
    said = [headline(found), *how_sure(found), *catches(found), *next_steps(found)]
    shown = lights(found)
    for one in [*said, *(reason for light in shown for reason in light.reasons)]:
        assert CLAIMS[one.key](world, one), (one, found)
        for lang in ("en", "ja"):
            assert say(lang, one.key, **one.values)
    for light in shown:
        check_light(world, light)
    if headline(found).key in ("do_floor", "do_untrained", "do_untrained_equal", "do_untrained_first", "do_shared"):
        assert [light.name for light in shown if light.colour == "green"] in ([], ["safe"])
        assert found.action == Action.SHARED or not [light for light in shown if light.colour == "green"]
    names = {kind_of(world, model) for model in world.models(found.reference)}
    if "own" not in names:
        assert not [one for one in said if one.key.startswith(("worth_", "published_"))]
    keys = [one.key for one in said]
    assert len(keys) == len(set(keys)) or {key for key in keys if keys.count(key) > 1} <= {"catch_lost", "catch_floor"}


def test_every_sentence_of_a_decision_has_a_claim_that_is_checked() -> None:
    """Those of scores alone are checked by hand below."""
    from kogen.reporting.words import load_templates

    scores = {"do_tie", "do_safe", "do_safe_first", "do_safe_differs", "do_least", "do_least_first", "do_unsafe"}
    scores |= {"do_one_set", "do_nothing_here", "sure_scores", "sure_ahead_scores", "sure_open_scores", "next_rows"}
    scores |= {"next_rows_some", "next_rows_many", "catch_partly", "catch_clusters_few", "catch_clusters_large"}
    scores |= {"why_share", "catch_share", "next_take", "why_places", "why_places_worst"}
    scores |= {"sure_scores_tie", "next_rows_tie", "next_measure", "do_safe_differs_whole"}
    scores |= {"do_unlearnt", "next_unlearnt"}  # of detectors, in test_decide.py
    scores |= {"do_safe_whole", "do_least_whole", "do_unsafe_whole"}
    scores |= {"catch_one_class", "next_classes", "next_second_set_table", "next_seeds_table"}  # in test_steps.py
    prefixes = ("do_", "sure_", "worth_", "published_", "catch_", "next_")
    keys = {key for key in load_templates("en") if key.startswith(prefixes)}
    assert keys - set(CLAIMS) - scores == set()
    assert set(CLAIMS) <= set(load_templates("en"))


NEAR = {"a": {"byol": 71.0, "simclr": 70.0}}


def judged(scores: Any = NEAR, **known: Any) -> Judgement:
    return judge_scores(scores, **known)


def keys(said: list[Sentence]) -> list[str]:
    return [one.key for one in said]


def test_the_chance_is_said_where_the_lead_is_open_and_neither_a_tie_nor_luck() -> None:
    found = judged(half=5.0)
    assert found.lead is not None
    said = how_sure(found)
    assert keys(said) == ["sure_value", "sure_open", "sure_chance"]
    assert said[2].values == {"first": "byol", "second": "simclr", "chance": 20.0}
    for chance, wanted in ((LUCK, True), (LUCK - 1e-6, False), (None, False)):
        one = replace(found, lead=replace(found.lead, chance=chance))
        assert ("sure_chance" in keys(how_sure(one))) == wanted
    tie = judged({"a": {"byol": 70.0, "simclr": 70.0}}, half=5.0)
    assert keys(how_sure(tie)) == ["sure_value", "sure_tie"]
    assert keys(how_sure(judged(half=0.1))) == ["sure_value", "sure_ahead"]


SHARE = ShareFinding(Answer.UNDECIDED, False, "b", 0.6, 0.5, None, 1.0, 2.0, 0.9)


@pytest.mark.parametrize(
    ("action", "answer", "said"),
    [
        (Action.SAFE, Answer.UNDECIDED, True),
        (Action.SAFE, Answer.BETTER, False),
        (Action.SHARED, Answer.UNDECIDED, False),
        (Action.BET, Answer.UNDECIDED, False),
    ],
)
def test_how_many_leads_hold_is_a_catch_of_a_safe_choice_that_is_open(action: Action, answer: Answer, said: bool):
    found = replace(judged(half=5.0), action=action, share=replace(SHARE, answer=answer))
    assert ("catch_share" in keys(catches(found))) == said
    assert "catch_share" not in keys(catches(replace(found, share=None)))


def test_a_share_is_said_in_percent_with_its_interval() -> None:
    found = replace(judged(half=5.0), action=Action.SAFE, share=SHARE)
    (said,) = [one for one in catches(found) if one.key == "catch_share"]
    numbers = {name: said.values[name] for name in ("share", "low", "high", "best", "lo", "hi")}
    assert numbers == {"share": 60.0, "low": 50.0, "high": None, "best": 90.0, "lo": "1", "hi": "2"}
    assert percent(0.0) == 0.0


@pytest.mark.parametrize(("regret", "said"), [(5.0, True), (5.01, False), (0.0, True)])
def test_a_safer_model_is_named_where_it_loses_less_by_the_margin(regret: float, said: bool) -> None:
    scores = {"a": {"byol": 80.0, "simclr": 70.0}, "b": {"byol": 60.0, "simclr": 66.0}}
    scores |= {"c": {"byol": 90.0, "simclr": 50.0}}  # what the leader wins is no loss
    safe = SafeFinding(Answer.UNDECIDED, False, "simclr", regret, "a", None, 2, "simclr", regret, 0.2, True, [], [])
    found = replace(judged(scores), safe=safe)
    assert len(safer_choice(found)) == said
    if said:
        assert safer_choice(found)[0].values["worst"] == "6.0"
    assert safer_choice(replace(found, leaders=["simclr"])) == []
