"""The part of the page on transfer sets: what it says, in both languages, its table and its figure."""

from dataclasses import dataclass, field, replace
from typing import Any

from kogen.common.metric_facts import ACCURACY, NATS, MetricFacts
from kogen.reporting.study.transfer_section import draw_transfer, transfer_section
from kogen.reporting.words import say
from kogen.results.answers.transfer_leads import Fate, TransferLead, TransferLeads
from kogen.results.findings import Answer, Finding, Reason

HOME = Finding(Answer.BETTER, Reason.AHEAD, "test", "byol", "simclr", 4.0, 2.0, 6.0)


@dataclass
class Decided:
    leader: str = "byol"
    margin: float = 1.0
    metric: MetricFacts = ACCURACY
    reference: str = "test"
    lead: Finding = HOME


@dataclass
class Judged:
    """What the figure reads of a verdict."""

    judgement: Any = field(default_factory=Decided)


def on(name: str, fate: Fate, first: str, gap: float | None, metric: MetricFacts = ACCURACY) -> TransferLead:
    other = "simclr" if first == "byol" else "byol"
    known = Answer.UNKNOWN if gap is None else Answer.UNDECIDED if fate == Fate.OPEN else Answer.BETTER
    ends = (None, None) if gap is None else (gap - 2.0, gap + 2.0)
    pair = Finding(known, Reason.AHEAD, name, first, other, gap, *ends)
    return TransferLead(name, metric, fate, pair, [first], 71.3, 300, 37, 2, 1, 0)


def leads(*sets: TransferLead, is_lead: bool = True) -> TransferLeads:
    return TransferLeads("test", "byol", "simclr", is_lead, 3, list(sets))


SETS = (
    on("pets", Fate.KEPT, "byol", 5.0),
    on("cars", Fate.LOST, "simclr", 3.5),
    on("birds", Fate.OPEN, "byol", 0.5),
    on("food", Fate.ABSENT, "byol", None),
)


def words(found: TransferLeads, lang: str = "en") -> str:
    section = transfer_section(found)
    assert section is not None
    return " ".join(say(lang, one.key, **one.values) for one in section["sentences"])


def test_the_lead_and_all_pairs_are_counted_in_words():
    said = words(leads(*SETS))
    assert "byol leads simclr on test." in said
    assert "Transfer sets on which that lead is kept: 1 of 4; reversed: 1; open: 2." in said
    assert "Pairs that are decided on test: 3." in said
    assert "decided alike 8 times, the other way 4 times, and 0 times they are open" in said
    assert "nothing proves that byol is ahead of simclr" in words(leads(*SETS, is_lead=False))
    assert "転移セット 4 個のうち、そのリードが保たれるのは 1 個" in words(leads(*SETS), "ja")


def test_the_table_has_a_row_a_set_in_the_unit_of_its_metric():
    loss = MetricFacts("log_loss", NATS, higher_is_better=False, high=9.0)
    rows = transfer_section(leads(*SETS, replace(SETS[0], dataset="noise", metric=loss, value=-0.4321)))["rows"]  # type: ignore[index]
    assert [row["fate"] for row in rows] == ["fate_kept", "fate_lost", "fate_open", "fate_absent", "fate_kept"]
    assert (rows[0]["gap"], rows[0]["lo"], rows[0]["value"]) == ("+5.0", "+3.0", "71.3")
    assert rows[1]["gap"] == "−3.5"
    assert rows[3]["gap"] is None
    assert rows[4]["value"] == "0.432"


def test_the_figure_has_the_reference_and_each_set_that_has_a_difference():
    figure = draw_transfer(Judged(), leads(*SETS), "en")  # type: ignore[arg-type]
    assert figure is not None
    assert "byol minus simclr" in figure["alt"]
    assert [figure["alt"].count(name) for name in ("test", "pets", "cars", "birds", "food")] == [1, 1, 1, 1, 0]
    loss = MetricFacts("log_loss", NATS, higher_is_better=False, high=9.0)
    assert draw_transfer(Judged(), leads(on("noise", Fate.KEPT, "byol", 0.5, loss)), "en") is None  # type: ignore[arg-type]
    assert draw_transfer(Judged(), None, "en") is None  # type: ignore[arg-type]
    assert transfer_section(None) is None
