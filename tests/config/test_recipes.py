"""A recipe in lines: ours beside the authors', for every method of the shelf."""

import pytest

from kogen.cli import Ended, main
from kogen.common import registry
from kogen.config.plan import RECIPE_NUMBERS, Plan, check_settings, has_attention, hyperparameters
from kogen.config.recipes import recipe_lines

METHODS = registry.names("methods")


@pytest.mark.parametrize("method", METHODS)
def test_what_authors_have_is_a_setting_with_another_value_and_a_source(method):
    recipe = registry.load("methods", method).recipe
    ours = {name: getattr(recipe, name) for name in RECIPE_NUMBERS} | hyperparameters(method) | {"batch_size": 256}
    assert set(recipe.authors) <= set(ours)
    assert set(recipe.without_attention) <= set(ours)
    check_settings(method, recipe.without_attention)
    for name, (value, source) in recipe.authors.items():
        assert value != ours[name], name
        assert type(value) is type(ours[name]), name
        assert len(source) > 5, name
        lines = [line for line in recipe_lines(method) if line.split()[0] == name]
        assert len(lines) == 1
        assert lines[0].endswith(source)


def test_a_recipe_in_lines():
    lines = {line.split()[0]: line for line in recipe_lines("mae")}
    assert lines["width"].split()[1:] == ["128", "512:", "section", "4.1,", "for", "ViT-L", "of", "1024"]
    assert lines["masked"].split() == ["masked", "0.75"]
    assert recipe_lines("random") == ["random has no settings: there is nothing to train"]
    lejepa = {line.split()[0]: line for line in recipe_lines("lejepa")}
    assert "0.05 (0.0005 without attention)" in lejepa["weight_decay"]


def test_the_command_line_prints_it(capsys):
    with pytest.raises(SystemExit) as end:
        main(["list", "methods", "--recipe", "moco_v3"])
    assert end.value.code == 0
    out = capsys.readouterr().out
    assert out.startswith("moco_v3  (contrastive, 2 views")
    assert "temperature 0.2 (1 without attention)" in " ".join(out.split())
    with pytest.raises(Ended, match="unknown name 'mocov3' among the methods: did you mean 'moco_v3'"):
        main(["list", "methods", "--recipe", "mocov3"])
    with pytest.raises(Ended, match="probes have no recipes: write kogen list methods --recipe x"):
        main(["list", "probes", "--recipe", "x"])


@pytest.mark.parametrize(
    ("backbone", "attention"),
    [
        ("tiny", False),
        ("wide?width=2", False),
        ("resnet18?layers=1,1,1,1", False),
        ("convnext_tiny", False),
        ("vit_tiny_patch16_224?depth=1", True),
        ("swin_tiny_patch4_window7_224", True),
    ],
)
def test_which_networks_have_attention(backbone, attention):
    assert has_attention(backbone) == attention
    plan = Plan(method="lejepa", backbone=backbone)
    assert plan.recipe.weight_decay == (5e-2 if attention else 5e-4)
    chosen = plan.model_copy(update={"settings": {"weight_decay": 0.1}})
    assert chosen.recipe.weight_decay == 0.1  # what is asked for counts
    assert Plan(method="moco_v3", backbone=backbone).hyperparameters["temperature"] == (0.2 if attention else 1.0)
