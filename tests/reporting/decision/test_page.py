"""The part of a page that decides: its sentences and figures, from hand-made tables."""

from dataclasses import replace

from tables import make_tables

from kogen.reporting.decision.figures import draw_differences, draw_sets
from kogen.reporting.decision.lights import lights
from kogen.reporting.decision.page import decision_part, glossary, light_texts, shown_metric
from kogen.reporting.decision.sentences import catches, headline
from kogen.reporting.words import phrase, sentence
from kogen.results.decide import make_judgement
from kogen.results.judgement import Judgement


def test_the_page_gets_figures_with_the_floor_and_every_other_model() -> None:
    scores = {"a": {"byol0": 80.0, "simclr1": 70.0, "random2": 50.0}, "b": {"byol0": 60.0, "simclr1": 66.0}}
    tables = make_tables(scores, floors={"a": ("Free", 65.0)})
    methods = {"byol0": "byol", "simclr1": "simclr", "random2": "random"}
    found = make_judgement(tables, reference="a", targets=["b"], margin=1.0, methods=methods)
    figure = draw_differences(found, "en")
    assert figure is not None
    assert figure["alt"].endswith("simclr1 −10.0; random2 −30.0; always “Free” −15.0")
    assert [note["text"] for note in figure["layout"]["annotations"]] == ["−10.0", "−30.0", "−15.0"]
    sets = draw_sets(found, "en")
    assert sets is not None
    assert sets["alt"].endswith("a +10.0; b −6.0")
    shown, figures = decision_part(found, [headline(found), *catches(found)], "en")
    assert set(figures) == {"decision", "holds"}
    assert shown["headline"] == ["It depends on the images: byol0 is ahead on a, simclr1 on b."]
    assert shown["catch"] == ["On b, simclr1 is ahead of byol0 by 6.0 points (5.5 to 6.5)."]


SCORES = {"a": {"byol": 80.0, "simclr": 70.0, "net": 60.0, "weights": 50.0, "random": 40.0}}
METHODS = {"byol": "byol", "simclr": "simclr", "net": "supervised", "weights": "stock", "random": "random"}


def judged() -> Judgement:
    return make_judgement(make_tables(SCORES), reference="a", targets=[], margin=1.0, methods=METHODS)


def test_three_catches_stand_on_the_first_screen_and_the_others_below() -> None:
    found = judged()
    said = [sentence("catch", "catch_open", sets=[f"s{i}"]) for i in range(5)] + [sentence("next", "next_second")]
    shown, figures = decision_part(found, said, "en")
    assert [("s0" in one) for one in shown["catch"]] == [True, False, False]
    assert (len(shown["catch"]), len(shown["more"]), len(shown["next"]), shown["alert"]) == (3, 2, 1, [])
    assert ("s3" in shown["more"][0], set(figures)) == (True, {"decision"})
    assert shown["absent"] == [light["question"] for light in shown["lights"] if light["key"] == "answer_none"]
    assert len(shown["absent"]) == 3  # one set: nothing holds elsewhere, by rules, or is safe
    assert (shown["leader"], shown["models"], shown["reference"], shown["proven"]) == ("byol", ["byol"], "a", True)
    assert shown["margin"]["margin"] == 1.0


def test_numbers_of_points_have_one_digit_and_others_three() -> None:
    found = judged()
    assert shown_metric(found) == {"accuracy": True, "name": phrase(found.metric.label),
                                   "floor": found.floor is not None, "sign": 1, "digits": 1}  # fmt: skip
    other = shown_metric(replace(found, metric=replace(found.metric, name="x", unit="nats", higher_is_better=False)))
    assert (other["accuracy"], other["sign"], other["digits"]) == (False, -1, 3)


def test_the_glossary_says_what_the_names_of_models_mean() -> None:
    found = {one.key: one.values["models"] for one in glossary(judged())}
    assert found == {
        "gloss_own": ["byol", "simclr"],
        "gloss_supervised": ["net"],
        "gloss_stock": ["weights"],
        "gloss_random": ["random"],
    }
    assert [one.key for one in glossary(replace(judged(), methods={"net": "supervised"}))] == ["gloss_supervised"]


def test_models_that_were_given_are_not_said_to_be_pretrained_here() -> None:
    mixed = replace(judged(), methods={"byol": "byol", "downloaded": "dino", "mine": "supervised"})
    found = {one.key: one.values["models"] for one in glossary(mixed, given={"downloaded", "mine"})}
    assert found == {"gloss_own": ["byol"], "gloss_given": ["downloaded", "mine"]}
    assert [one.key for one in glossary(mixed, "judged", {"downloaded", "mine"})] == ["gloss_judged", "gloss_given"]


def test_a_light_has_its_words_its_sign_and_its_number() -> None:
    real = light_texts(lights(judged())[0], "en")
    assert (real["name"], real["key"], real["colour"], real["sign"]) == ("real", "answer_yes", "green", "✓")
    assert real["number"].startswith("byol")
    assert light_texts(lights(judged())[1], "en")["number"] == ""
