"""What becomes of a lead on sets with classes of their own, judged from whole studies with known leads."""

from pathlib import Path

import pytest
from studies import make_study

import kogen
from kogen.results.answers.transfer_leads import (
    LEADS,
    Fate,
    TransferLeads,
    read_leads,
    transfer_folder,
    transfer_folders,
)

AT_HOME = {"byol": 1.2, "simclr": 0.3, "random": -0.8}
ELSEWHERE = {
    "kept": AT_HOME,
    "lost": {"byol": 0.0, "simclr": 1.0, "random": -0.8},
    "open": {"byol": 0.5, "simclr": 0.5, "random": -0.8},
    "absent": {"simclr": 0.9, "random": -0.8},
}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_study(tmp_path_factory.mktemp("transfers") / "study", AT_HOME, {"reference": "reference"}, n=400)
    for name, models in ELSEWHERE.items():
        make_study(transfer_folder(folder, name), models, {name: "reference"}, n=300, protocols=("linear",))
    (folder / "transfer" / "not judged yet").mkdir()
    kogen.report(folder)
    return folder


@pytest.fixture(scope="module")
def leads(study: Path) -> TransferLeads:
    found = read_leads(study)
    assert found is not None
    return found


def test_a_lead_is_kept_lost_open_or_absent(leads: TransferLeads):
    assert (leads.leader, leads.other, leads.is_lead) == ("byol", "simclr", True)
    assert {one.dataset: one.fate for one in leads.sets} == {name: Fate(name) for name in ELSEWHERE}
    found = {one.dataset: one for one in leads.sets}
    assert found["lost"].leaders == ["simclr"]
    assert found["lost"].lead.seen_from("byol")[0] < 0
    assert found["absent"].value is None
    assert {(one.images, one.classes) for one in leads.sets} == {(300, 3)}


def test_all_pairs_that_the_reference_decides_are_counted_on_each_set(leads: TransferLeads):
    assert leads.decided == 3
    counted = {one.dataset: (one.kept, one.lost, one.open) for one in leads.sets}
    assert counted == {"kept": (3, 0, 0), "lost": (2, 1, 0), "open": (2, 0, 1), "absent": (1, 0, 2)}


def test_each_set_has_a_verdict_and_a_page_of_its_own(study: Path):
    assert list(transfer_folders(study)) == sorted(ELSEWHERE)
    for place in transfer_folders(study).values():
        assert (place / "verdict.json").exists()
        assert (place / "report.html").exists()


def test_a_study_without_transfer_sets_says_nothing_of_them(tmp_path: Path):
    folder = make_study(tmp_path / "study", AT_HOME, {"reference": "reference"}, n=60, protocols=("linear",))
    (folder / LEADS).write_text("{}")  # of an earlier report
    kogen.report(folder)
    assert read_leads(folder) is None
    assert "other tasks" not in (folder / "report.html").read_text()
