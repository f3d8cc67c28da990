"""The card of a backbone without a head: what it is, how its images are made, what its study says of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kogen.backbones._network_facts import NetworkFacts
from kogen.common.files import read_json
from kogen.common.outputs import STAMP
from kogen.config.plan import Plan
from kogen.handover.card import plain
from kogen.handover.fitted_model import study_folder
from kogen.results.asked import VERDICT

USE = """\
```python
import timm, torch

model = timm.create_model("hf-hub:OWNER/NAME", pretrained=True).eval()  # its repository
transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model), is_training=False)
features = model(transform(image).unsqueeze(0))  # (1, D)
```
"""


def write_backbone_card(folder: Path, record: Mapping[str, Any], plan: Plan, facts: NetworkFacts) -> str:
    """The card of a run's backbone as markdown."""
    trained = f"pre-trained by {plain(plan.method)}" if plan.recipe.trains else f"not trained ({plain(plan.method)})"
    part = f", on {plan.pool} of the images" if plan.pool else ""
    begun = f"It went on from published weights (digest `{plan.init}`). " if plan.init else ""
    parts = [
        f"<!-- {STAMP} -->\n# {plain(plan.title)}, run {record['id']}\n",
        f"`{plain(facts.architecture)}`, {trained} (seed {plan.seed}, {plan.epochs} epochs){part}: features, without a "
        f"head. {begun}\n",
        USE,
        "\n## Preprocessing\n",
        f"The whole image becomes {facts.input_size} x {facts.input_size} px, bicubic, without cropping; "
        f"{facts.channels} channels in [0, 1]; mean {list(facts.mean)}, std {list(facts.std)}. kogen resizes as torch "
        "does with antialiasing; Pillow differs in the last digits.\n",
        "\n## What the study says\n",
        verdict_text(folder, plan),
        "\n## Limits\n",
        "* Features alone: a head that learns from them, and is judged on your own images, shows what they are worth.",
        "* Nothing is known of images from another product, camera or light than those it was judged on.\n",
        "\n## Where it comes from\n",
        f"* {plan.images:,} images that the network saw: digest `{plan.data}`",
        *[f"* {plain(name)} {plain(value)}" for name, value in record["versions"].items()],
    ]
    return "\n".join(parts) + "\n"


def verdict_text(folder: Path, plan: Plan) -> str:
    """The first sentence of the verdict of a run's study, where there is one."""
    study = study_folder(folder)
    if study is None or not (study / VERDICT).exists():
        return "Nothing: this run was not judged in a study, so nobody knows how good it is.\n"
    words = read_json(study / VERDICT).get("words") or [""]
    return f"> {plain(words[0])}\n\nThat is said of all models of the study, of which this is `{plain(plan.title)}`.\n"
