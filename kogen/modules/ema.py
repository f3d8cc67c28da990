"""A teacher: a copy of a network that follows it as an exponential moving average."""

import copy

import torch
from torch import nn


def ema_copy(student: nn.Module) -> nn.Module:
    """A copy without gradients, equal to the student now."""
    teacher = copy.deepcopy(student).requires_grad_(False)
    teacher.follows = (student,)  # type: ignore[assignment]  # in a tuple: the student is no part of the teacher
    return teacher


def restart_teachers(module: nn.Module) -> None:
    """Make every teacher inside a module equal to its student again, which was given other weights."""
    for teacher in module.modules():
        for student in getattr(teacher, "follows", ()):
            ema_update(teacher, student, 0.0)


def lead_students(module: nn.Module) -> None:
    """Make the student of every teacher inside a module equal to that teacher."""
    for teacher in module.modules():
        for student in getattr(teacher, "follows", ()):
            ema_update(student, teacher, 0.0)


@torch.no_grad()
def ema_update(teacher: nn.Module, student: nn.Module, momentum: float) -> None:
    """teacher <- momentum * teacher + (1 - momentum) * student: floats are averaged, integers copied, buffers too."""
    pairs = [*zip(teacher.parameters(), student.parameters(), strict=True)]
    pairs += [*zip(teacher.buffers(), student.buffers(), strict=True)]
    floats = [(t, s.detach()) for t, s in pairs if t.is_floating_point()]
    if floats:
        old, new = zip(*floats, strict=True)
        torch._foreach_lerp_(list(old), list(new), 1 - momentum)
    if counts := [pair for pair in pairs if not pair[0].is_floating_point()]:
        mine, theirs = zip(*counts, strict=True)
        torch._foreach_copy_(list(mine), list(theirs))
