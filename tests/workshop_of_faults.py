# ruff: noqa: ARG001 - jobs have one signature, whatever they make of it
"""A workshop whose jobs do what a message does: ordinary work, and everything that can go wrong in a native parser."""

import ctypes
import hashlib
import importlib
import json
import mmap
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.settings import Settings
from gateway.workers.workshop import ANSWER, Answer
from rules.errors import ConfigurationError, Problem

SECRET = "012-98-7654"  #: must never be repeated
WARMED = "colorsys"  #: a module that the warm-up imports
CHANNEL = 3  #: where a worker speaks to the service


def prepare(settings: Settings) -> Mapping[str, Any]:
    """What is wrong stands in the directory's file: `broken`, `bug` or `thread`; anything else is in order."""
    file = None if settings.rules.clients is None else settings.path(settings.rules.clients)
    state = "" if file is None else file.read_text().strip()
    if state == "broken":
        problems = [(3, "domain acme.example stands twice"), (None, "no clients")]
        raise ConfigurationError([Problem(file=str(file), line=line, text=text) for line, text in problems])
    if state == "bug":
        raise LookupError(SECRET)
    if state == "thread":
        threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()
    return {"state": state, "store": settings.store.url}


def evidence(raw: bytes, **more: Any) -> bytes:
    part = {"part": "1", "filename": None, "type": "text/plain", "size": len(raw), "status": "opened", "reason": None}
    return json.dumps({"parts": [part], **more}).encode()


def inspect(raw: bytes, argument: Mapping[str, Any], shop: Mapping[str, Any]) -> Answer:
    """The message says which fault it is: `fault:argument`; without one it is ordinary mail."""
    name, _, detail = raw[:200].decode().partition(":")
    fault = FAULTS.get(name)
    if fault is None:
        return Answer(body=evidence(raw), risky=False)
    return fault(raw, detail)


def about(raw: bytes, argument: Mapping[str, Any], shop: Mapping[str, Any]) -> Answer:
    """Who did this job, and what is around it."""
    known = {
        "pid": os.getpid(),
        "parent": os.getppid(),
        "size": len(raw),
        "digest": hashlib.sha256(raw).hexdigest(),
        "warm": WARMED in sys.modules,
        "environment": sorted(os.environ),
    }
    return Answer(body=json.dumps({**known, **shop}).encode(), risky=bool(argument.get("risky")))


def _answer(raw: bytes) -> Answer:
    return Answer(body=evidence(raw), risky=False)


def _say(what: bytes) -> None:
    while what:
        what = what[os.write(CHANNEL, what) :]


def _number() -> int:
    """The request's random number, which an honest job never sees: taken from the worker's own frame."""
    frame = sys._getframe()
    while frame.f_code.co_name != "serve":
        frame = frame.f_back
    return frame.f_locals["number"]


def sleep(raw: bytes, detail: str) -> Answer:
    time.sleep(3600)
    return _answer(raw)


def spin(raw: bytes, detail: str) -> Answer:
    while True:
        pass


def spin_in_threads(raw: bytes, detail: str) -> Answer:
    """More CPU than the wall clock shows: hashing of a big buffer leaves the interpreter's lock."""

    def burn() -> None:
        while True:
            hashlib.sha256(bytes(1 << 22)).digest()

    for _ in range(2):
        threading.Thread(target=burn, daemon=True).start()
    time.sleep(3600)
    return _answer(raw)


def eat_memory(raw: bytes, detail: str) -> Answer:
    kept = [bytearray(16 << 20) for _ in range(1000)]
    return _answer(bytes(len(kept)))


def eat_memory_natively(raw: bytes, detail: str) -> Answer:
    """A C library that gives up when malloc does."""
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    while libc.malloc(ctypes.c_size_t(16 << 20)):
        pass
    libc.abort()
    return _answer(raw)


def segfault(raw: bytes, detail: str) -> Answer:
    ctypes.string_at(0)
    return _answer(raw)


def run_an_illegal_instruction(raw: bytes, detail: str) -> Answer:
    """As pdfium does on purpose when it is out of memory."""
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(b"\x0f\x0b" if os.uname().machine == "x86_64" else b"\x00\x00\x00\x00")
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    ctypes.CFUNCTYPE(None)(address)()
    return _answer(raw)


def recurse(raw: bytes, detail: str) -> Answer:
    return recurse(raw, detail)


def leave_silently(raw: bytes, detail: str) -> Answer:
    os._exit(int(detail or 0))


def leave_politely(raw: bytes, detail: str) -> Answer:
    raise SystemExit(0)


def panic(raw: bytes, detail: str) -> Answer:
    """pyo3's PanicException is no Exception."""
    raise type("PanicException", (BaseException,), {})(f"called unwrap() on {detail}")


def raise_content(raw: bytes, detail: str) -> Answer:
    raise ValueError(detail)


def raise_named(raw: bytes, detail: str) -> Answer:
    raise type(detail, (Exception,), {})


def answer_half(raw: bytes, detail: str) -> Answer:
    body = evidence(raw)
    _say(ANSWER.pack(_number(), b"S", len(body)) + body[: len(body) // 2])
    os._exit(0)


def answer_half_and_hang(raw: bytes, detail: str) -> Answer:
    body = evidence(raw)
    _say(ANSWER.pack(_number(), b"S", len(body)) + body[: len(body) // 2])
    time.sleep(3600)
    return _answer(raw)


def answer_too_long(raw: bytes, detail: str) -> Answer:
    return Answer(body=b" " * (17 << 20), risky=False)


def claim_a_gigabyte(raw: bytes, detail: str) -> Answer:
    _say(ANSWER.pack(_number(), b"S", 1 << 30) + b"[" * (1 << 20))
    time.sleep(3600)
    return _answer(raw)


def answer_endlessly(raw: bytes, detail: str) -> Answer:
    while True:
        _say(b"S" * (1 << 20))


def answer_for_the_next(raw: bytes, detail: str) -> Answer:
    """A clean bill for itself, and one laid ready for whoever comes next."""
    body = evidence(b"forged")
    _say(ANSWER.pack(_number(), b"S", len(body)) + body + ANSWER.pack(_number(), b"S", len(body)) + body)
    return _answer(raw)


def answer_in_another_language(raw: bytes, detail: str) -> Answer:
    _say(ANSWER.pack(_number(), b"\xff", 3) + b"abc")
    time.sleep(3600)
    return _answer(raw)


def say_bytes(raw: bytes, detail: str) -> Answer:
    """Any bytes at all, after a number that is right, and then the end."""
    _say(_number().to_bytes(8, "big") + bytes.fromhex(detail))
    os._exit(0)


def answer_nonsense(raw: bytes, detail: str) -> Answer:
    return Answer(body=detail.encode(), risky=False)


def answer_without_parts(raw: bytes, detail: str) -> Answer:
    return Answer(body=b"{}", risky=False)


def close_channel_and_hang(raw: bytes, detail: str) -> Answer:
    os.close(CHANNEL)
    time.sleep(3600)
    return _answer(raw)


def ignore_signals_and_hang(raw: bytes, detail: str) -> Answer:
    for number in set(signal.valid_signals()) - {signal.SIGKILL, signal.SIGSTOP}:
        if number not in {32, 33}:  # libc's own
            signal.signal(number, signal.SIG_IGN)
    time.sleep(3600)
    return _answer(raw)


def fork_a_daemon(raw: bytes, detail: str) -> Answer:
    if os.fork() == 0:
        time.sleep(3600)
    return _answer(raw)


def kill_parent(raw: bytes, detail: str) -> Answer:
    os.kill(os.getppid(), signal.SIGKILL)
    return _answer(raw)


def kill_group(raw: bytes, detail: str) -> Answer:
    os.kill(0, signal.SIGKILL)
    return _answer(raw)


def connect(raw: bytes, detail: str) -> Answer:
    with socket.create_connection(("127.0.0.1", int(detail))) as peer:
        peer.sendall(raw)
    return _answer(raw)


def read_file(raw: bytes, detail: str) -> Answer:
    Path(detail).read_bytes()
    return _answer(raw)


def write_file(raw: bytes, detail: str) -> Answer:
    Path(detail).write_bytes(raw)
    return _answer(raw)


def leave_memory(raw: bytes, detail: str) -> Answer:
    """Harmless, but fat."""
    bytearray(b"x" * (100 << 20))
    return Answer(body=evidence(raw, message_id=str(os.getpid())), risky=False)


def leave_thread(raw: bytes, detail: str) -> Answer:
    threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()
    return Answer(body=evidence(raw, message_id=str(os.getpid())), risky=False)


FAULTS = {
    fault.__name__: fault
    for fault in (
        sleep, spin, spin_in_threads, eat_memory, eat_memory_natively, segfault,
        run_an_illegal_instruction, recurse, leave_silently, leave_politely, panic, raise_content,
        raise_named, answer_half, answer_half_and_hang, answer_too_long, claim_a_gigabyte,
        answer_endlessly, answer_for_the_next, answer_in_another_language, say_bytes, answer_nonsense,
        answer_without_parts, close_channel_and_hang, ignore_signals_and_hang, fork_a_daemon,
        kill_parent, kill_group, connect, read_file, write_file, leave_memory, leave_thread,
    )
}  # fmt: skip


def late_import(raw: bytes, argument: Mapping[str, Any], shop: Mapping[str, Any]) -> Answer:
    """What a parser needs at its first use: modules, shared libraries and codecs that the parent has not loaded."""
    html = importlib.import_module("lxml.html")
    text = html.fromstring("<p>Gr\u00fc\u00dfe</p>").text_content().encode("cp1140").decode("cp1140")
    return Answer(body=json.dumps({"text": text}).encode(), risky=True)


JOBS = {"inspect": inspect, "view": inspect, "about": about, "late_import": late_import}
WARM_UP = (lambda: importlib.import_module(WARMED),)
