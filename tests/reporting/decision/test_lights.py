"""Lights beside the headline: they speak of the lead that it speaks of."""

from tables import make_tables

from kogen.reporting.decision.lights import real_light
from kogen.results.decide import make_judgement
from kogen.results.judgement import Action


def test_where_the_untrained_network_may_be_as_good_the_light_is_about_it() -> None:
    """`byol` is level with `supervised`, and not proven to be above `random`: the second is what the headline says."""
    scores = {"a": {"byol": 80.0, "supervised": 79.8, "random": 76.0}}
    halves = {("a", "byol", "random"): 12.0, ("a", "supervised", "random"): 12.0}
    methods = {name: name for name in scores["a"]}
    found = make_judgement(make_tables(scores, halves), reference="a", targets=[], margin=1.0, methods=methods)
    assert found.action == Action.UNTRAINED
    light = real_light(found)
    assert (light.colour, light.answer) == ("amber", "answer_floor")
    assert light.reasons[0].values["second"] == "random"
    assert light.number == {"phrase": "num_of", "with": {"model": "byol", "number": light.number["with"]["number"]}}
    assert light.number["with"]["number"]["with"]["points"] == "+4.0"
