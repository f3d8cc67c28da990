"""The part of a page that decides: its sentences and figures, from hand-made tables."""

from tables import make_tables

from kogen.reporting.decision.figures import draw_differences, draw_sets
from kogen.reporting.decision.page import decision_part
from kogen.reporting.decision.sentences import catches, headline
from kogen.results.decide import make_judgement


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
