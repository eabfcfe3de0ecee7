"""The process under test: `countersign serve`, forked from a parent that has everything imported, once per order.

An order is a line of JSON on standard input: settings file, haste, and a mistake to plant. Two lines of numbers
answer it: which order (from 0) and which process, and once that has ended, which order and the wait status.
"""
# ruff: noqa: T201 - those lines are how it speaks

import functools
import json
import os
import signal
import sys
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

import uvicorn.protocols.http.auto
import uvicorn.protocols.websockets.auto  # noqa: F401
from argon2 import PasswordHasher

import gateway.cli
import gateway.deliver
import gateway.housekeeping
import gateway.ledger
import gateway.pipeline
import gateway.serve
from faults.mother import Haste
from faults.plants import PLANTS
from faults.shim import Page
from gateway.accounts import Accounts
from gateway.housekeeping import Housekeeper
from gateway.inspector import Inspector
from gateway.relay import NextHop
from gateway.smtp.downstream import Patience
from gateway.workers.confine import die_with


def main() -> None:
    page = Page.of_environment()
    die_with(int(sys.argv[1]))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody here asks how those ended that wait
    print("loaded", flush=True)
    for number, line in enumerate(sys.stdin):
        me = os.getpid()
        if os.fork() == 0:
            die_with(me)
            _wait_for(number, json.loads(line), page)


def _wait_for(number: int, order: Mapping[str, Any], page: Page) -> NoReturn:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    me = os.getpid()
    child = os.fork()
    if child == 0:
        die_with(me)
        page.set("pid", os.getpid())
        _become(order, page)
    print(number, child, flush=True)
    _, status = os.waitpid(child, 0)
    print(number, status, flush=True)
    os._exit(0)


def _become(order: Mapping[str, Any], page: Page) -> None:
    _follow_clock(page)
    HASTE[order["haste"]]()
    if order["plant"]:
        PLANTS[order["plant"]]()
    try:
        gateway.cli.app(["serve", "--config", order["settings"]])
    except SystemExit as ending:
        code = ending.code if isinstance(ending.code, int) else 1
        os._exit(code)
    except BaseException:  # noqa: BLE001 - it must end here, and not in the parent's loop
        traceback.print_exc()
        os._exit(70)


def trial() -> None:
    gateway.ledger.IN_FLIGHT = timedelta(seconds=6)
    gateway.deliver.LEASE = timedelta(seconds=1)
    gateway.deliver.DRIFT = timedelta(seconds=1)
    gateway.deliver.POLL = 0.1
    gateway.deliver.RETRY_S = 0.1
    gateway.deliver.BACK_OFF = (0.1, 0.2, 0.5, 1)  # type: ignore[assignment]
    gateway.pipeline.PATIENCE = 0.2
    gateway.pipeline.LOOK = 0.5
    gateway.pipeline.ANSWER_BY = 4.0
    gateway.pipeline.RELAY_AT_LEAST = 2.0
    gateway.serve.DRAIN = 2.0
    gateway.serve.Inspector = functools.partial(Inspector, workshop="faults.workshop")  # type: ignore[attr-defined, assignment]
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    gateway.serve.Accounts = functools.partial(Accounts, hasher=cheap)  # type: ignore[attr-defined, assignment]
    patience = Patience(connect=1, command=1.5, final_dot=3)
    gateway.serve.NextHop = functools.partial(NextHop, patience=patience)  # type: ignore[attr-defined, assignment]


def days() -> None:
    gateway.housekeeping.LEAP = timedelta(days=2)  # no mistake here: its clock is to be believed
    gateway.serve.Housekeeper = functools.partial(Housekeeper, first=2, every=2)  # type: ignore[attr-defined, assignment]


HASTE = {Haste.NONE: lambda: None, Haste.TRIAL: trial, Haste.DAYS: days}


def _follow_clock(page: Page) -> None:
    def now() -> datetime:
        return datetime.now(UTC) + timedelta(seconds=page.get("clock"))

    gateway.serve.now = now


if __name__ == "__main__":
    main()
