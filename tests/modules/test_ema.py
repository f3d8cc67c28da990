"""The EMA teacher: floats glide, integers are copied, buffers come along."""

import torch
from torch import nn

from kogen.modules.ema import ema_copy, ema_update


def test_five_steps_by_hand():
    student = nn.Linear(1, 1, bias=False)
    nn.init.constant_(student.weight, 1.0)
    teacher = ema_copy(student)
    wanted = 1.0
    for step in range(5):
        nn.init.constant_(student.weight, float(step))
        ema_update(teacher, student, 0.9)
        wanted = 0.9 * wanted + 0.1 * step
        assert abs(teacher.weight.item() - wanted) < 1e-6


def test_buffers_glide_and_integers_are_copied():
    student = nn.BatchNorm1d(3)
    teacher = ema_copy(student)
    student(torch.randn(8, 3, generator=torch.Generator().manual_seed(0)) + 5)
    before = teacher.running_mean.clone()
    ema_update(teacher, student, 0.75)
    assert torch.allclose(teacher.running_mean, 0.75 * before + 0.25 * student.running_mean)
    assert teacher.num_batches_tracked.item() == 1  # a cast through float and 0.75 would leave 0


def test_the_copy_has_no_gradients_and_stays():
    student = nn.Linear(2, 2)
    teacher = ema_copy(student)
    assert not any(p.requires_grad for p in teacher.parameters())
    with torch.no_grad():
        student.weight.add_(1)
    assert not torch.equal(teacher.weight, student.weight)
