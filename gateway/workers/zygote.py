"""The warm parent: imports and loads everything once, then forks confined workers. Never touches a message.

`python -P -m gateway.workers.zygote CONTROL PARENT`: a socket's descriptor and the service's process id.
Single-threaded, as fork wants it. It ends with the service, and its workers end with it.
"""

import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any, Never, cast

from pydantic import TypeAdapter

from gateway.settings import Settings
from gateway.workers.confine import Allowance, Barrier, Walls, available, code_and_data, die_with, keep_no_large_memory
from gateway.workers.escape import holes
from gateway.workers.worker import serve, step_in
from gateway.workers.workshop import FORK, KILL, Event, Order, Workshop
from rules.errors import ConfigurationError

_PACKET = 1 << 17
_REST = 1500  #: milliseconds without a request before the warm-up: it must not compete with `scan` of one message
_IDLE = 20  #: milliseconds without a request before its next step
_SEVERAL = 3  #: workers asked for; so many are for more than one message, and the warm-up pays at once
_ALONE = 1  #: threads


class _UnsafeError(Exception):
    """A worker could do what it must not; the text says what."""


def main(arguments: list[str]) -> None:
    control = socket.socket(fileno=int(arguments[0]))
    die_with(int(arguments[1]))
    keep_no_large_memory()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):  # the service drains first; its end is our signal
        signal.signal(number, signal.SIG_IGN)
    try:
        order = TypeAdapter(Order).validate_json(control.recv(_PACKET))
        zygote = Zygote(control, order)
        zygote.tend()
    except ConfigurationError as error:
        problems = [(p.file, p.line, p.text, p.warning) for p in error.problems[:200]]
        _report(control, Event.MISCONFIGURED, problems=problems)
    except _UnsafeError as error:
        _report(control, Event.FAILED, what=str(error))
    except Exception as error:  # noqa: BLE001 - said with type and place, then this process ends
        last = traceback.extract_tb(error.__traceback__)[-1]
        _report(control, Event.FAILED, what=f"{type(error).__name__} at {last.filename}:{last.lineno}")


def _report(control: socket.socket, event: Event, **details: Any) -> None:
    control.send(json.dumps({"event": event, **details}).encode())


class Zygote:
    """Forks on request, reaps, and warms up in between."""

    def __init__(self, control: socket.socket, order: Order) -> None:
        self._control = control
        self._allowance: Allowance = order.allowance
        workshop = cast("Workshop", importlib.import_module(order.workshop))
        settings = Settings.model_validate_json(order.settings).model_copy(update={"base": Path(order.base)})
        self._shop = workshop.prepare(settings)
        self._jobs = workshop.JOBS
        self._cold = list(workshop.WARM_UP)
        barriers = available()
        module = getattr(workshop, "__file__", None)
        self._walls = Walls([*code_and_data(), *([Path(module)] if module else [])], barriers)
        self._me = os.getpid()
        self._workers: set[int] = set()
        self._forks = 0
        self._rest = _REST
        self._settle()
        if found := holes(self._walls, self._allowance, barriers):
            raise _UnsafeError("a confined worker can still: " + ", ".join(found))
        missing = sorted(set(Barrier) - barriers)
        _report(control, Event.READY, missing=missing)

    def tend(self) -> None:
        """Until the service ends."""
        stirred, stirring = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(stirring, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(stirred, select.POLLIN)
        while True:
            self._reap()
            ready = [descriptor for descriptor, _ in poll.poll(self._rest if self._cold else None)]
            if stirred in ready:
                os.read(stirred, 4096)
            if self._control.fileno() in ready:
                self._obey()
            if not ready and self._cold:
                self._warm()

    def _settle(self) -> None:
        """Keep what is there out of the collector's way, so that workers share it; and be sure to be alone."""
        if len(os.listdir("/proc/self/task")) != _ALONE:  # noqa: PTH208 - names only
            raise _UnsafeError("the warm parent has a second thread, so it cannot fork safely")
        gc.collect()
        gc.freeze()

    def _warm(self) -> None:
        self._rest = _IDLE
        self._cold.pop(0)()
        if not self._cold:
            self._settle()
            _report(self._control, Event.WARM)

    def _obey(self) -> None:
        request, descriptors, _, _ = socket.recv_fds(self._control, _PACKET, 1)
        if request == FORK:
            self._fork(descriptors[0])
        elif request.startswith(KILL):
            self._kill(int(request[1:]))
        else:
            os._exit(0)  # the service has gone, and the workers follow

    def _fork(self, channel: int) -> None:
        self._settle()
        self._forks += 1
        if self._forks == _SEVERAL:
            self._rest = _IDLE
        try:
            worker = os.fork()
        except OSError as error:
            _report(self._control, Event.REFUSED, what=f"{type(error).__name__} {error.errno}")
        else:
            if worker == 0:
                self._work(channel)
            self._workers.add(worker)
            _report(self._control, Event.FORKED, pid=worker)
        finally:
            os.close(channel)

    def _work(self, channel: int) -> Never:
        status = 1
        try:
            own = step_in(channel, self._me, self._walls, self._allowance)
            serve(own, self._jobs, self._shop, self._allowance)
            status = 0
        finally:
            os._exit(status)

    def _kill(self, worker: int) -> None:
        if worker in self._workers:  # not reaped yet, so the number is still its own
            os.kill(worker, signal.SIGKILL)

    def _reap(self) -> None:
        """Bury what has ended; first kill what may be left of its process group, while the number still stands."""
        with suppress(ChildProcessError):
            while (ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) is not None:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(ended.si_pid, signal.SIGKILL)
                _, status = os.waitpid(ended.si_pid, 0)
                self._workers.discard(ended.si_pid)
                _report(self._control, Event.ENDED, pid=ended.si_pid, status=status)


if __name__ == "__main__":
    main(sys.argv[1:])
