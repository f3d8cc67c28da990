"""What operating systems do differently: locks, links, syncing, space on disk, cores, peak memory."""

import ctypes
import errno
import os
import platform
import sys
from contextlib import suppress
from pathlib import Path

import portalocker

NO_LINK = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)  # Windows has neither: links are looked for first
NOT_SUPPORTED = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)  # what file systems say of a call
NO_WAIT = getattr(os, "O_NONBLOCK", 0)  # a pipe without a writer is opened, and refused, instead of waited for


def try_lock(descriptor: int, *, wait: bool) -> bool:
    """Lock an open file for this process alone; False where another holds it and `wait` is not asked for.

    The system frees it however the process ends. OSError where the file system has no locks.
    """
    flags = portalocker.LockFlags.EXCLUSIVE
    try:
        portalocker.lock(descriptor, flags if wait else flags | portalocker.LockFlags.NON_BLOCKING)
    except portalocker.exceptions.AlreadyLocked:
        return False
    except portalocker.exceptions.LockException as error:
        raise OSError(f"no locks here: {error}") from error
    return True


def sync_file(path: Path) -> None:
    """Wait until the content of a file is on the disk."""
    with open(path, "rb+") as file:  # Windows syncs only what is open for writing
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Wait until the names in a folder are on the disk; nothing where folders cannot be opened (Windows)."""
    if os.name == "nt":
        return
    folder = os.open(path, os.O_RDONLY)
    with suppress(OSError):  # some network file systems sync files alone
        os.fsync(folder)
    os.close(folder)


def reserve_space(path: Path, size: int) -> None:
    """Give a file its space on the disk: a full disk is an error here, and a crash while a mapped file is written."""
    with open(path, "r+b") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, size)
        except (AttributeError, OSError) as error:  # macOS and Windows, file systems without it
            if isinstance(error, OSError) and error.errno not in NOT_SUPPORTED:
                raise
            block = bytes(1 << 20)
            for start in range(0, size, len(block)):
                file.write(block[: size - start])
            file.flush()


def process_lives(number: int) -> bool:
    """Whether a process of this machine is there."""
    if sys.platform == "win32":
        import psutil

        return psutil.pid_exists(number)
    try:
        os.kill(number, 0)  # no signal, the question alone
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def process_mark(number: int) -> str:
    """What tells a process of this machine from a later one of the same number; empty where it is gone."""
    try:
        state, *rest = (
            Path(f"/proc/{number}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        )
        return "" if state in "ZX" else rest[18]  # when it began, in ticks since the machine did
    except (OSError, IndexError, ValueError):  # gone, or a system without /proc
        return "there" if not Path("/proc/self/stat").exists() and process_lives(number) else ""


def machine_mark() -> str:
    """What tells this machine, since it was started, from others, and from containers with processes of their own."""
    found = [platform.node()]
    for read in (
        lambda: Path("/proc/sys/kernel/random/boot_id").read_text("ascii"),
        lambda: os.readlink("/proc/self/ns/pid"),
    ):
        with suppress(OSError):  # systems without /proc
            found.append(read().strip())
    return " ".join(found)


def usable_cores() -> int:
    """Cores this process may use (systems without affinity: all there are)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def share_of_cores(processes: int) -> int:
    """Cores of each of several processes that share those of this one, at least one."""
    return max(1, usable_cores() // processes)


def machine_memory() -> int:
    """Bytes of memory that this process may use at most: the machine's, its container's or the shell's limit."""
    if sys.platform == "win32":
        import psutil

        return psutil.virtual_memory().total
    import resource

    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), resource.getrlimit(resource.RLIMIT_AS)[0]]
    with suppress(OSError, ValueError):  # no container, or "max"
        limits.append(int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    return min(limit for limit in limits if limit > 0)  # RLIM_INFINITY is -1


def give_back_memory() -> None:
    """Give memory that was freed back to the system, where the C library keeps it (see `keep_freed_memory`)."""
    with suppress(AttributeError, TypeError):  # a C library without malloc_trim (macOS, musl), and Windows
        ctypes.CDLL(None).malloc_trim(0)


def peak_memory() -> int:
    """Bytes of memory that this process has had at most."""
    if sys.platform == "win32":
        import psutil

        return psutil.Process().memory_info().peak_wset
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
