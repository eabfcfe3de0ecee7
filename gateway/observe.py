"""Metrics and logs: counts, times, ids and types. Never content, never an address in a label."""

import logging
import sys
from importlib.metadata import version

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from rules.verdict import Status, Verdict

#: Libraries that write bodies, addresses or matched text to their logs at lower levels.
TALKATIVE = ("presidio-analyzer", "aiosmtplib", "pdfminer", "sqlalchemy.engine", "uvicorn.access")

#: aiosmtpd quotes words that it took for commands at WARNING, and messages in the errors of a handler.
QUOTING = ("mail.log", "mail.debug")


class Metrics:
    """One node's figures, in Prometheus' words and base units."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.messages = Counter(
            "countersign_messages", "Messages judged, by disposition", ["disposition"], registry=self.registry
        )
        self.reasons = Counter("countersign_reasons", "Reasons given, by rule", ["rule"], registry=self.registry)
        self.replies = Counter(
            "countersign_replies", "Replies to the final dot, by first digit", ["class"], registry=self.registry
        )
        self.parts = Counter(
            "countersign_parts",
            "Parts of messages, by what became of them",
            ["status", "reason"],
            registry=self.registry,
        )
        self.inspection = Histogram(
            "countersign_inspection_seconds",
            "Opening, detecting and matching, in the worker",
            buckets=(0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300),
            registry=self.registry,
        )
        self.held = Gauge(
            "countersign_held", "Recipients of kept messages, by state", ["state"], registry=self.registry
        )
        self.oldest = Gauge(
            "countersign_oldest_held_seconds", "How long the oldest held recipient has waited", registry=self.registry
        )
        self.loaded = Gauge(
            "countersign_directory_loaded_timestamp",
            "When the policy and directory in force were loaded, in seconds since 1970",
            registry=self.registry,
        )
        self.reload_failures = Counter(
            "countersign_directory_reload_failures",
            "Policies and directories that did not load while running",
            registry=self.registry,
        )
        build = Gauge("countersign_build", "Version that runs", ["version"], registry=self.registry)
        build.labels(version("countersign")).set(1)

    def judged(self, verdict: Verdict) -> None:
        self.messages.labels(verdict.disposition).inc()
        self.inspection.observe(verdict.timing_ms.total / 1000)
        for rule in {reason.rule for reason in verdict.reasons}:
            self.reasons.labels(rule).inc()
        for part in verdict.parts:
            if part.status is not Status.OPENED:
                self.parts.labels(part.status, part.reason or "").inc()

    def text(self) -> bytes:
        return generate_latest(self.registry)


class _Lines:
    """Where our own lines go: straight to standard error, since the library's way took three times as long."""

    def __init__(self, name: str = "countersign") -> None:
        self.name = name

    def msg(self, line: str) -> None:
        sys.stderr.write(f"{line}\n")

    debug = info = warning = error = critical = msg


def configure_logging(level: str = "INFO") -> None:
    """JSON lines on standard error. Talkative libraries stay at WARNING whatever the level (law 3)."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    rendering: list[structlog.typing.Processor] = [_type_of_exception, structlog.processors.JSONRenderer()]
    output = logging.StreamHandler(sys.stderr)
    output.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [output]
    root.setLevel(level)
    structlog.configure(
        processors=[*shared, *rendering],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=_Lines,
        cache_logger_on_first_use=True,
    )
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in QUOTING:
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _type_of_exception(
    logger: structlog.typing.WrappedLogger, method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """An exception's text may quote the message: its type and the place in our code are enough to find a bug."""
    del logger, method
    raised = event.pop("exc_info", None)
    error = raised[1] if isinstance(raised, tuple) else raised if isinstance(raised, BaseException) else None
    if error is not None:
        event["error"] = type(error).__name__
        frame = error.__traceback__
        while frame is not None and frame.tb_next is not None:
            frame = frame.tb_next
        if frame is not None:
            event["at"] = f"{frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}"
    return event
