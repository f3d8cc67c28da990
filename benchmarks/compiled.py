"""What `--compile` gains: CPU time of a step of BYOL on ResNet-18 at 32 px, with and without, turn by turn.

python benchmarks/compiled.py [STEPS]    CPU time and not wall time: other work on the machine does not count.
"""

import statistics
import sys
import time

import numpy as np

from kogen.config.plan import Plan
from kogen.data.images import from_array
from kogen.study.plans import with_data
from kogen.training.loop import trial_steps


def main(steps: int) -> None:
    """Print the median CPU seconds of a step both ways, their ratio, and what the first compiled step took."""
    pixels = np.random.default_rng(0).integers(0, 256, (256, 3, 32, 32), dtype=np.uint8)
    images = from_array(pixels, np.arange(256) % 4, ("a", "b", "c", "d"), name="noise")
    plan = with_data(Plan(method="byol", backbone="resnet18", image_size=32, batch_size=64, precision="32"), images)
    plans = [plan, plan.model_copy(update={"compile": True})]
    trainings, spent = [trial_steps(each, images) for each in plans], ([], [])
    for _ in range(steps):
        for training, seconds in zip(trainings, spent, strict=True):
            began = time.process_time()
            next(training)
            seconds.append(time.process_time() - began)
    plain, compiled = (statistics.median(seconds[steps // 2 :]) for seconds in spent)
    print(f"a step: {plain:.2f} s as written, {compiled:.2f} s compiled, {plain / compiled:.2f} times as fast")
    print(f"the first compiled step: {spent[1][0]:.1f} s, without the compiler's own processes")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 8)
