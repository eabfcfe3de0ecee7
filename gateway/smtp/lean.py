"""aiosmtpd's session, without what it does once for each connection or command and nobody here needs. Says nothing."""

from typing import Any

from aiosmtpd.smtp import SMTP


class _NoHooks:
    """In place of a handler with methods that aiosmtpd would call: ours override aiosmtpd's own."""

    def __dir__(self) -> list[str]:
        return []


class LeanSMTP(SMTP):
    """One timer for many commands, and no search for methods, which cost more than all commands of a small message."""

    def __init__(self, **options: Any) -> None:
        super().__init__(_NO_HOOKS, **options)
        self._smtp_methods = {name.removeprefix("smtp_"): getattr(self, name) for name in _COMMANDS}
        self._heard_by = 0.0  #: when the client will have been silent for too long

    def __dir__(self) -> list[str]:
        """Aiosmtpd's constructor looks through it three times."""
        return []

    def _reset_timeout(self, duration: float | None = None) -> None:
        wait = duration or self._timeout_duration
        self._heard_by = self.loop.time() + wait
        timer = self._timeout_handle
        if timer is None or timer.cancelled() or timer.when() > self._heard_by:
            super()._reset_timeout(wait)

    def _timeout_cb(self) -> None:
        left = self._heard_by - self.loop.time()
        if left > 0:
            super()._reset_timeout(left)
        else:
            self.silent()

    def silent(self) -> None:
        """The client has said nothing for as long as it may."""
        raise NotImplementedError


_NO_HOOKS = _NoHooks()
_COMMANDS = [name for name in dir(SMTP) if name.startswith("smtp_")]
