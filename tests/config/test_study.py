"""Studies and plans: checked before anything loads, written and read back, refused with the nearest right name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kogen.common import registry
from kogen.common.text import parse_spec
from kogen.config.plan import Plan, check_settings
from kogen.config.study import Study, make_study, read_study, study_to_toml
from kogen.training.run import record_of

text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)


@given(
    source=text,
    shifts=st.dictionaries(text, text, max_size=3),
    seeds=st.integers(1, 9),
    margin=st.floats(0, 100),
    momentum=st.floats(0, 1),
)
def test_toml_gives_the_same_study_back(tmp_path_factory, source, shifts, seeds, margin, momentum):
    study = Study(
        source=source, shifts=shifts, seeds=seeds, margin=margin, settings={"byol": {"momentum": momentum, "dim": 7}}
    )
    place = tmp_path_factory.mktemp("study") / "study.toml"
    place.write_text(study_to_toml(study), encoding="utf-8")
    assert read_study(place) == study


def test_an_unknown_key_is_refused_with_the_nearest(tmp_path):
    place = tmp_path / "study.toml"
    place.write_text('source = "imgs"\nmargins = 1.0\n')
    with pytest.raises(ValueError, match="unknown key 'margins': did you mean 'margin'"):
        read_study(place)


def test_a_wrong_value_is_refused_with_its_name(tmp_path):
    place = tmp_path / "study.toml"
    place.write_text('source = "imgs"\nseeds = 0\n')
    with pytest.raises(ValueError, match=r"seeds = 0: wanted 1 or more"):
        read_study(place)


def test_a_file_that_is_no_toml(tmp_path):
    place = tmp_path / "study.toml"
    place.write_text("source = = 3")
    with pytest.raises(ValueError, match=r"cannot read .*study.toml: Invalid value"):
        read_study(place)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"methods": ("boyl",)}, "unknown name 'boyl' among the methods: did you mean 'byol'"),
        ({"probes": ("liner",)}, "unknown name 'liner' among the probes: did you mean 'linear'"),
        ({"methods": ("byol", "byol")}, "one is named twice"),
        ({"methods": ()}, "no methods: name one or more"),
        ({"probes": ()}, "no probes: name one or more"),
        ({"probes": ("linear", "linear")}, "probes linear, linear: one is named twice"),
        ({"seeds": True}, "pilot: seeds = True: wanted a number"),
        ({"settings": {"byol": {"momentum": "high"}}}, "byol: momentum = 'high', wanted a number such as 0.99"),
        ({"settings": {"byol": {"hidden": 1.5}}}, "byol: hidden = 1.5, wanted a whole number such as"),
        ({"settings": {"simclr": {"rate": "fast"}}}, "simclr: rate = 'fast', wanted a number such as"),
        ({"methods": ("byol",), "settings": {"simclr": {"rate": 0.1}}}, "'simclr', which is not among the methods"),
        ({"settings": {"byol": {"momentun": 0.9}}}, "byol has no setting 'momentun': did you mean 'momentum'"),
    ],
)
def test_names_are_checked_before_anything_loads(asked, message):
    with pytest.raises(ValueError, match=message):
        make_study({"source": "nowhere", **asked}, "pilot")


def test_settings_reach_the_recipe_and_unknown_ones_do_not_pass():
    assert Plan(method="byol", settings={"rate": 0.5, "momentum": 0.9}).recipe.rate == 0.5
    with pytest.raises(ValueError, match="simclr has no setting 'momentum'"):
        check_settings("simclr", {"momentum": 0.9})


def test_equal_plans_have_equal_ids_and_others_do_not():
    assert record_of(Plan(method="byol"))["id"] == record_of(Plan(method="byol"))["id"]
    assert record_of(Plan(method="byol"))["id"] != record_of(Plan(method="byol", seed=1))["id"]
    assert record_of(Plan(method="byol"))["id"] != record_of(Plan(method="byol", settings={"momentum": 0.9}))["id"]


def test_parse():
    assert parse_spec("resnet18?layers=1,2&stem=full&deep=true") == (
        "resnet18",
        {"layers": (1, 2), "stem": "full", "deep": True},
    )
    with pytest.raises(ValueError, match="'layers' is not key=value"):
        parse_spec("resnet18?layers")


def test_every_method_tells_its_source():
    for name in registry.names("methods"):
        recipe = registry.load("methods", name).recipe
        assert recipe.source
        assert recipe.headline
        assert recipe.family in ("contrastive", "distillation", "clustering", "information", "masked", "baseline")


def test_corruptions_are_known_before_anything_is_opened():
    with pytest.raises(ValueError, match="no corruption 'blr': did you mean 'blur'"):
        make_study({"source": "nowhere", "corrupt": "blr:3"}, "pilot")
    assert make_study({"source": "nowhere", "corrupt": "blur:3"}, "pilot").corrupt == "blur:3"
