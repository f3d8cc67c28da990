"""The head of a finished run, which only its checkpoint has: what another training of its method goes on with."""

from pathlib import Path

from kogen.backbones._heads_in_files import Heads
from kogen.config.plan import Plan
from kogen.modules.ema import lead_students
from kogen.training import checkpoint
from kogen.training.build import draw_method
from kogen.training.start_weights import head_parts

SIZES = ("hidden", "dim", "width", "depth", "bottleneck", "outputs", "batch_norm", "layers", "predictor_norm")
SIZES += ("prototypes",)  # hyperparameters that a head has to be built with again


def read_run_heads(plan: Plan, state: Path) -> Heads:
    """What a run's method has beside its backbone; the teacher's, where the teacher is evaluated."""
    method = draw_method(plan.model_copy(update={"weights": ""}))
    checkpoint.load(state, plan.fingerprint, method)
    if method.evaluation_backbone() is not method.backbone:
        lead_students(method)
    parts = head_parts(method)
    tensors = {key: value for key, value in checkpoint.state_of(method).items() if key.split(".")[0] in parts}
    sizes = {name: value for name, value in plan.hyperparameters.items() if name in SIZES}
    return Heads(plan.method, {key: value.detach() for key, value in tensors.items()}, sizes)
