"""The launch of this process: who started it (torchrun, srun or nobody), and its place in its job."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

MAX_PROCESSES = 65536
PLACE = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")  # that only a starter of processes sets
TORCHRUN = (*PLACE, "MASTER_ADDR", "MASTER_PORT")
SRUN = ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID")
NODES = ("SLURM_STEP_NODELIST", "SLURM_NODELIST", "SLURM_JOB_NODELIST")
ALONE_CURE = "or give --processes 1 to work alone"


@dataclass(frozen=True)
class Launch:
    """The place of a process in its job, and where the first process listens."""

    starter: str = ""  # torchrun or srun; empty: it works alone
    rank: int = 0  # number among all processes of the job
    size: int = 1  # processes of the job
    local_rank: int = 0  # number among those of this machine
    address: str = ""
    port: int = 0
    variables: tuple[str, ...] = ()  # NAME=value, what was read

    @property
    def origin(self) -> str:
        """What was read and who set it, for a message."""
        return f"{', '.join(self.variables)} (as {self.starter} sets them)"

    @property
    def cure(self) -> str:
        """What to do where the other processes do not come."""
        if self.starter == "srun":
            return f"start all processes with one srun, {ALONE_CURE}"
        return f"start all processes with torchrun, unset {', '.join(TORCHRUN)}, {ALONE_CURE}"


ALONE = Launch()


def read_launch(processes: int | None = None, env: Mapping[str, str] = os.environ) -> Launch:
    """The launch that the environment tells of; with `processes` = 1 its variables are not looked at.

    ValueError for variables that are incomplete or out of range, and for another number of processes than was started.
    """
    if processes == 1:
        return ALONE
    launch = read_torchrun(env) or read_srun(env) or ALONE
    if processes not in (None, launch.size):
        got = f"{launch.starter} started {launch.size}" if launch.starter else "this process was started alone"
        how = f"torchrun --nproc-per-node={processes} -m kogen ... (or srun --ntasks={processes} kogen ...)"
        raise ValueError(f"--processes {processes}, but {got}: start {processes} with {how}, or leave --processes out")
    return launch


def ignored_tasks(env: Mapping[str, str] = os.environ) -> str:
    """A sentence where SLURM gave several tasks, but srun did not start this process; otherwise empty."""
    tasks = env.get("SLURM_NTASKS", "")
    if not is_whole(tasks) or int(tasks) < 2 or is_started(env):
        return ""
    return f"SLURM_NTASKS={tasks}, but this process was not started by srun: it works alone"


def is_started(env: Mapping[str, str]) -> bool:
    """Whether torchrun or srun started this process."""
    return any(name in env for name in PLACE) or "SLURM_STEP_NUM_TASKS" in env


def read_torchrun(env: Mapping[str, str]) -> Launch | None:
    """The launch by torchrun; None without its variables. ValueError where one is missing or odd."""
    if not any(name in env for name in PLACE):
        return None
    check_present(env, "torchrun", TORCHRUN)
    size = read_number(env, "torchrun", "WORLD_SIZE", 1, MAX_PROCESSES)
    rank = read_number(env, "torchrun", "RANK", 0, size - 1)
    local_size = read_number(env, "torchrun", "LOCAL_WORLD_SIZE", 1, size)
    local_rank = read_number(env, "torchrun", "LOCAL_RANK", 0, local_size - 1)
    port = read_number(env, "torchrun", "MASTER_PORT", 1, 65535)
    return Launch("torchrun", rank, size, local_rank, read_address(env, "torchrun"), port, assignments(env, TORCHRUN))


def read_srun(env: Mapping[str, str]) -> Launch | None:
    """The launch by srun; None outside a step of several tasks. ValueError where a variable is missing or odd.

    The variables of the job alone (SLURM_NTASKS ...) are also those of the shell of salloc and sbatch.
    """
    if "SLURM_STEP_NUM_TASKS" not in env:
        return None
    size = read_number(env, "srun", "SLURM_STEP_NUM_TASKS", 1, MAX_PROCESSES)
    if size == 1:
        return None
    address_from = next((name for name in ("MASTER_ADDR", *NODES) if name in env), NODES[0])
    port_from = "MASTER_PORT" if "MASTER_PORT" in env else "SLURM_JOB_ID"
    names = (*SRUN, address_from, port_from)
    check_present(env, "srun", names)
    rank = read_number(env, "srun", "SLURM_PROCID", 0, size - 1)
    local_rank = read_number(env, "srun", "SLURM_LOCALID", 0, size - 1)
    if port_from == "MASTER_PORT":
        port = read_number(env, "srun", port_from, 1, 65535)
    else:  # one that all processes of the step know without asking, and another step of the job does not take
        step = int(env["SLURM_STEP_ID"]) if is_whole(env.get("SLURM_STEP_ID", "")) else 0
        port = 15000 + (read_number(env, "srun", port_from, 0, 10**9) + 97 * step) % 10000
    address = read_address(env, "srun") if address_from == "MASTER_ADDR" else first_host(env[address_from])
    return Launch("srun", rank, size, local_rank, address, port, assignments(env, names))


def first_host(nodes: str) -> str:
    """The first host of a list as SLURM writes it: `gpu[03-05,9],cpu1` begins with `gpu03`."""
    return re.sub(r"\[([^],-]*)[^]]*\]", r"\1", nodes).split(",")[0]


def check_present(env: Mapping[str, str], starter: str, names: tuple[str, ...]) -> None:
    """ValueError where variables of a starter are missing or empty."""
    if missing := [name for name in names if not env.get(name)]:
        known = ", ".join(assignments(env, names)) or "nothing"
        verb = "is" if len(missing) == 1 else "are"
        raise ValueError(f"{known}, but {', '.join(missing)} {verb} not set: {cure_of(starter)}")


def read_number(env: Mapping[str, str], starter: str, name: str, low: int, high: int) -> int:
    """A whole number in low..high. ValueError for anything else."""
    text = env[name]
    if not is_whole(text) or not low <= int(text) <= high:
        beside = next((f" with {each}={env[each]}" for each in SIZES.get(name, ()) if each in env), "")
        want = f"wanted a whole number from {low} to {high}"
        raise ValueError(f"{name}={text!r}{beside}, {want}: {cure_of(starter)}")
    return int(text)


SIZES = {
    "RANK": ("WORLD_SIZE",),
    "LOCAL_WORLD_SIZE": ("WORLD_SIZE",),
    "LOCAL_RANK": ("LOCAL_WORLD_SIZE",),
    "SLURM_PROCID": ("SLURM_STEP_NUM_TASKS",),
    "SLURM_LOCALID": ("SLURM_STEP_NUM_TASKS",),
}  # the number that bounds another


def read_address(env: Mapping[str, str], starter: str) -> str:
    """The name or number of the first machine. ValueError for what cannot be one."""
    address = env["MASTER_ADDR"]
    if not re.fullmatch(r"[\w.:%-]{1,255}", address):
        raise ValueError(f"MASTER_ADDR={address!r}, wanted the name of a machine: {cure_of(starter)}")
    return address


def is_whole(text: str) -> bool:
    """Whether a text is a whole number of at most 9 digits."""
    return re.fullmatch(r"[0-9]{1,9}", text) is not None


def assignments(env: Mapping[str, str], names: tuple[str, ...]) -> tuple[str, ...]:
    """NAME=value of the variables that are set."""
    return tuple(f"{name}={env[name]}" for name in names if name in env)


def cure_of(starter: str) -> str:
    """What to do about variables of a starter that are incomplete or odd."""
    return Launch(starter).cure
