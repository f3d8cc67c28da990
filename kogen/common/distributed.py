"""What N processes share: finding each other, work of the first one, facts that must agree, sums with gradient."""

import atexit
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor

from kogen.common.devices import default_device
from kogen.common.launch import ALONE, Launch, ignored_tasks, read_launch
from kogen.common.peers import Peers, loss_sentence
from kogen.common.speech.console import Speech, say
from kogen.common.speech.events import Caution

Plain = TypeVar("Plain")
COLLECTIVE = timedelta(minutes=5)  # how long one process waits inside a sum for another that lives but does not come


class Job:
    """The processes that this one works with; found once, and kept as long as it lives."""

    launch: Launch = ALONE
    peers: Peers | None = None
    warned: bool = False  # that tasks of SLURM are ignored
    control: dist.ProcessGroup | None = None  # sums of numbers that lie on the CPU


def find_processes(processes: int | None = None) -> Launch:
    """The launch of this process, once all others of its job have come; alone where `processes` is 1.

    ValueError where they do not come, for variables that are odd, and for another number than was started.
    """
    if Job.peers is None:
        launch = read_launch(processes)
        if processes is None and not Job.warned and (ignored := ignored_tasks()):
            say(Caution(ignored))
            Job.warned = True
        Job.launch, Speech.first = launch, launch.rank == 0
        Job.peers = Peers(launch) if launch.size > 1 else None
    elif processes not in (None, Job.launch.size):
        got = f"this process already works with {Job.launch.size - 1} others"
        raise ValueError(f"--processes {processes}, but {got}: start another process for it")
    return Job.launch


def join_processes(processes: int | None = None) -> None:
    """Find the other processes as `find_processes` does, and let them train together with this one."""
    launch, device = find_processes(processes), default_device()
    if Job.peers is None or Job.control is not None:
        return
    if device == "mps":
        raise ValueError(f"{launch.starter} started {launch.size} processes, and Apple's GPU takes one: --processes 1")
    Job.peers.watched = True
    how: dict[str, Any] = {"store": dist.PrefixStore("group", Job.peers.store), "timeout": COLLECTIVE}
    how |= {"rank": launch.rank, "world_size": launch.size}
    if device == "cuda":
        how |= {"device_id": torch.device("cuda", gpu_index())}
    with explain_lost_peer():
        if not dist.is_initialized():  # a caller may have done so
            dist.init_process_group("nccl" if device == "cuda" else "gloo", **how)
        Job.control = cast(dist.ProcessGroup, dist.new_group(backend="gloo", timeout=COLLECTIVE))
    Job.peers.meet_all()
    if device == "cuda":
        atexit.register(leave_group, Job.peers)


def leave_group(peers: Peers) -> None:
    """Free what NCCL holds, as it wants before the end; where another process was lost it would wait for that one."""
    if not peers.ended:
        dist.destroy_process_group()


def stop_watching() -> None:
    """From now on, live on where another process is lost: until `join_processes`."""
    if Job.peers:
        Job.peers.watched = False


def refuse_processes(processes: int | None, verb: str) -> None:
    """ValueError where several processes were started for a verb that works in one: they would write the same files."""
    if (launch := read_launch(processes)).size > 1:
        got = f"{verb} works in one process, and {launch.starter} started {launch.size}"
        raise ValueError(f"{got}: start it alone; where the variables are left over ({launch.origin}), --processes 1")


def gpu_index() -> int:
    """The GPU of this process on its machine. ValueError where there are fewer than processes."""
    count, index = torch.cuda.device_count(), Job.launch.local_rank
    if Job.launch.starter == "srun" and count == 1:
        return 0  # srun may show each task a GPU of its own
    if index >= count:
        got = f"process {index} of this machine, counted from 0, and {count} GPUs"
        raise ValueError(f"{got}: start as many processes a machine as it has GPUs")
    return index


@contextmanager
def first_process_only() -> Iterator[bool]:
    """True in the first process; the others get False, and wait at the end until the first is through.

    It may work for hours: the others wait as long as its heart beats. ValueError where it ends before.
    """
    try:
        yield rank() == 0
    except BaseException:
        if Job.peers and rank() == 0:
            Job.peers.leave()  # the others must not wait for what does not come
        raise
    if Job.peers:
        Job.peers.advance()
        Job.peers.wait_for([0])


def from_first(value: Plain) -> Plain:
    """The value (of JSON) that the first process has, in all of them; all must call it, and wait for the first."""
    return Job.peers.share(value) if Job.peers else value


def check_agreement(facts: dict[str, Any], what: str) -> None:
    """ValueError in every process where they do not all have the same facts; all must call it, and wait for all."""
    if Job.peers and (odd := Job.peers.compare(facts)):
        cure = "give all processes the same command, files and versions, and one folder that all of them see"
        raise ValueError(f"the processes of this job do not agree on {what}: {odd}; {cure}")


def any_process(*flags: bool) -> list[bool]:
    """Whether a flag is set in any process, for each flag; all must call it."""
    if world_size() == 1:
        return list(flags)
    total = torch.tensor(flags, dtype=torch.int32)
    dist.all_reduce(total, group=Job.control)
    return (total > 0).tolist()


@contextmanager
def explain_lost_peer() -> Iterator[None]:
    """Turn the errors of torch.distributed, which come when another process is lost, into a ValueError."""
    try:
        yield
    except RuntimeError as error:
        if not isinstance(error, dist.DistError) and "gloo" not in str(error):  # gloo has no class for its errors
            raise
        known = Job.peers.lost if Job.peers else ""
        if Job.peers:
            Job.peers.leave()
        words = str(error).partition("\n")[0].partition(". ")[0]  # gloo goes on with advice of its own
        raise ValueError(known or loss_sentence(words.partition("] ")[2] or words)) from error


def world_size() -> int:
    """Number of processes that train together; 1 outside torch.distributed."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """This process's number, 0 outside torch.distributed."""
    return dist.get_rank() if world_size() > 1 else 0


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, part: Tensor) -> Tensor:
        parts = [torch.empty_like(part) for _ in range(world_size())]
        dist.all_gather(parts, part.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        # Every process's loss depends on our part, so its gradient is the sum over processes.
        grad = grads[0].contiguous()
        dist.all_reduce(grad)
        return grad.chunk(world_size())[rank()]


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, part: Tensor) -> Tensor:
        total = part.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        grad = grads[0].clone()
        dist.all_reduce(grad)
        return grad


def gather(part: Tensor) -> Tensor:
    """Rows of all processes in rank order, (B, ...) to (world * B, ...), with gradient."""
    return _Gather.apply(part) if world_size() > 1 else part  # type: ignore[return-value]


def sum_over_processes(part: Tensor) -> Tensor:
    """Sum over processes, same shape, with gradient."""
    return _Sum.apply(part) if world_size() > 1 else part  # type: ignore[return-value]


def mean_over_processes(part: Tensor) -> Tensor:
    """Mean over processes, same shape, without gradient."""
    return sum_over_processes(part.detach()) / world_size() if world_size() > 1 else part
