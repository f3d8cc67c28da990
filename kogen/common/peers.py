"""The other processes of a job: finding them, knowing from their heartbeats who lives, waiting for them."""

import atexit
import json
import os
import sys
import threading
import time
from contextlib import suppress
from datetime import timedelta
from typing import Any

import torch.distributed as dist

from kogen.common.files import json_digest
from kogen.common.launch import Launch

RENDEZVOUS = 120.0  # seconds in which all processes must have come
PATIENCE = 10.0  # seconds more, in which torch itself says what is wrong
SILENCE = 120.0  # seconds without a heartbeat after which a process is lost
BEAT = 5.0  # seconds between heartbeats
QUICK_BEAT = 0.02  # the same while somebody has just begun to wait
LAST_WORDS = 6.0  # seconds in which process 0 waits at its end for others to read how far it got
GRACE = 10.0  # seconds in which this process may end by itself after another one was lost
NAMED = 8  # lost processes that a message names


class Peers:
    """The processes of a job, each with a heartbeat in a store they share that also says how far it is.

    A heartbeat comes from a thread: a process that works for hours is heard, one that is frozen or killed is not. A
    second thread watches, for the first one waits without limit where the store itself is frozen.
    """

    def __init__(self, launch: Launch) -> None:
        self.launch, self.store = launch, dist.PrefixStore("kogen", meet(launch))
        self.stage, self.ended, self.pause, self.lost = 0, False, BEAT, ""
        self.stages, self.gone = [0] * launch.size, [False] * launch.size
        self.answers = [0] * launch.size  # the stage of process 0 that each has read of
        self.texts, self.heard = [""] * launch.size, [time.monotonic()] * launch.size
        self.watched = True  # whether the loss of another process ends this one
        self.wake = threading.Event()
        self.beating = threading.Thread(target=self.beat, daemon=True)
        self.beating.start()
        threading.Thread(target=self.watch, daemon=True).start()
        atexit.register(self.leave)

    def beat(self) -> None:
        """Write this process's heartbeat and read those of the others, until this one ends."""
        store, number = self.store.clone(), 0  # a connection that nobody else waits on
        names, ending = [f"beat/{other}" for other in range(self.launch.size)], 0.0
        with suppress(RuntimeError):
            while True:
                number, ended = number + 1, self.ended
                store.set(names[self.launch.rank], f"{number} {self.stage} {int(ended)} {self.stages[0]}")
                if ended and (self.launch.rank or self.is_heard() or ending > LAST_WORDS):
                    return
                ending += self.pause if ended else 0.0
                for other, text in enumerate(store.multi_get(names)):
                    self.hear(other, text.decode())
                self.wake.wait(self.pause)
                self.wake.clear()
                self.pause = min(self.pause * 1.2, BEAT)
        self.gone = [True] * len(self.gone)  # the process that kept the store has ended: nobody can be heard any more

    def hear(self, other: int, text: str) -> None:
        """Take what the heartbeat of a process says."""
        if text != self.texts[other]:
            self.texts[other], self.heard[other] = text, time.monotonic()
            _, self.stages[other], ended, self.answers[other] = map(int, text.split())
            self.gone[other] = bool(ended)

    def watch(self) -> None:
        """End this process when another one is lost: the main thread may wait for that one inside a library."""
        before = time.monotonic()
        while not self.ended:
            time.sleep(min(1.0, SILENCE / 10))
            now = time.monotonic()
            if now - before > SILENCE / 4 or not self.watched:  # this process itself was stopped for a while
                self.heard = [now] * len(self.heard)
            before = now
            if silent := [other for other in range(len(self.heard)) if self.is_silent(other)]:
                self.lost = self.explain_loss(silent, f"nothing was heard of it for {SILENCE:.0f} seconds")
                time.sleep(GRACE)
                if not self.ended:
                    sys.stderr.write(f"kogen: {self.lost}\n")
                    sys.stderr.flush()
                    os._exit(1)  # a thread that waits inside a library cannot be woken

    def is_heard(self) -> bool:
        """Whether all that have not ended know how far this process, number 0, has come; the store may end with it."""
        return all(gone or answer >= self.stage for gone, answer in zip(self.gone[1:], self.answers[1:], strict=True))

    def is_silent(self, other: int) -> bool:
        """Whether another process that has not ended was not heard for too long."""
        mine = other == self.launch.rank
        return not mine and not self.gone[other] and time.monotonic() - self.heard[other] > SILENCE

    def explain_loss(self, others: list[int], why: str) -> str:
        """The sentence for processes that were lost."""
        some = ", ".join(map(str, others[:NAMED])) + (" ..." if len(others) > NAMED else "")
        return loss_sentence(f"process {some} of {self.launch.size}, counted from 0 ({why})")

    def wait_for(self, others: list[int]) -> None:
        """Wait until other processes are as far as this one, however long they work. ValueError where one is lost."""
        self.call_for_news()
        while behind := [other for other in others if other != self.launch.rank and self.stages[other] < self.stage]:
            gone = [other for other in behind if self.gone[other] and self.stages[other] < self.stage]
            if self.lost or gone:
                self.leave()
                raise ValueError(self.lost or self.explain_loss(gone, "it has ended"))
            time.sleep(0.01)

    def meet_all(self) -> None:
        """Wait until all processes have come to this place."""
        self.advance()
        self.wait_for(list(range(self.launch.size)))

    def advance(self) -> None:
        """Say that this process is one stage further."""
        self.stage += 1
        self.call_for_news()

    def call_for_news(self) -> None:
        """Let heartbeats be written and read at once, and often for a while."""
        self.pause = QUICK_BEAT
        self.wake.set()

    def compare(self, facts: dict[str, Any]) -> str:
        """What differs between the processes, in words; empty where all have the same facts. All must call it."""
        names = [f"facts/{self.stage}/{other}" for other in range(self.launch.size)]
        self.store.set(names[self.launch.rank], json.dumps({key: json_digest(facts[key]) for key in facts}))
        self.meet_all()
        found = [json.loads(text) for text in self.store.multi_get(names)]
        odd = [[key for key in found[0] | one if found[0].get(key) != one.get(key)] for one in found]
        words = [f"process {other} has other {', '.join(keys)}" for other, keys in enumerate(odd) if keys]
        try:
            self.meet_all()  # nobody ends before all have read
        except ValueError:
            if not words:
                raise
        return "; ".join(words[:NAMED]) + " than process 0" if words else ""

    def share(self, value: Any) -> Any:
        """The value that the first process has, as JSON brings it; all must call it."""
        name = f"value/{self.stage}"
        if self.launch.rank == 0:
            self.store.set(name, json.dumps(value))
        self.advance()
        self.wait_for([0])
        return value if self.launch.rank == 0 else json.loads(self.store.get(name))

    def leave(self) -> None:
        """Say that this process has ended, so that nobody waits for it."""
        self.ended = True
        self.call_for_news()
        self.beating.join(1.0 if self.launch.rank else LAST_WORDS + 1)


def meet(launch: Launch) -> dist.Store:
    """The store of a job, once all its processes have opened it. ValueError where they do not come in time."""
    found: list[dist.Store] = []
    errors: list[str] = []

    def open_store() -> None:
        limit, host = timedelta(seconds=RENDEZVOUS), launch.address
        url = f"tcp://{f'[{host}]' if ':' in host else host}:{launch.port}"
        try:
            store, _, _ = next(dist.rendezvous(url, launch.rank, launch.size, timeout=limit))
            ours = dist.PrefixStore("kogen", store)
            if ours.add(f"number/{launch.rank}", 1) > 1:
                raise RuntimeError(f"another process has come as number {launch.rank}")
            ours.set(f"beat/{launch.rank}", "0 0 0 0")
            ours.wait([f"beat/{other}" for other in range(launch.size)], limit)
            found.append(store)
        except (RuntimeError, AssertionError) as error:
            errors.append(str(error).partition("\n")[0] or type(error).__name__)

    opening = threading.Thread(target=open_store, daemon=True)  # torch waits without limit for a server that is silent
    opening.start()
    opening.join(RENDEZVOUS + PATIENCE)
    if found:
        return found[0]
    why = errors[0] if errors else "what listens there does not answer"
    missed = f"not all {launch.size} processes of this job have come within {RENDEZVOUS:.0f} seconds"
    raise ValueError(f"{missed} ({why}): this one has {launch.origin}; {launch.cure}")


def loss_sentence(who: str) -> str:
    """What to say where a process was lost."""
    return (
        f"another process of this job was lost or is silent: {who}. What is saved stays: see what that one wrote, then "
        "start all of them again with the same command"
    )
