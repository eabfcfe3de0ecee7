"""Errors of the service. What is foreseeable is a value (`Unopened`, a `Reply`); these are what is left.

GatewayError
├── StoreError          the store could not be read or written: 451, nothing of ours is kept
│   ├── StoreFullError  no room left: 452
│   ├── StoreUnavailableError   not now, maybe in a moment: 451, and at the start status 75
│   └── SealError       what is kept of one message was changed or damaged; nothing of it is given out
├── InFlightError       another node has this very message in hand: 451, and its answer when the client tries again
├── InspectorError      no worker can be had: 451
├── IllegalTransition   a change of state that the table does not allow
│   ├── OwnMessageError the sender's own message: a second person has to decide
│   └── OwnProposalError    the same of a proposal of one's own
├── NotFoundError       no such held message, account or token
│   └── ContentDestroyedError   its content's time has passed; verdict and record are there
├── ChangeError         a change of the client directory that its own checks refuse
├── AccountError        a name, role or password that cannot be had
├── KeyFileError        the file of master keys cannot be changed
├── BackupError         a backup that cannot be made, or must not be restored
├── RosterError         a roster that cannot be added or is not there
├── UnreadableError     a path that was named and cannot be read
├── BrokenChainError    the audit log is not what was written; the text names the first bad record
└── ServiceError        the service cannot go on
"""


class GatewayError(Exception):
    """Base of this package's errors. The text never holds content."""


class StoreError(GatewayError):
    pass


class StoreFullError(StoreError):
    pass


class StoreUnavailableError(StoreError):
    pass


class SealError(StoreError):
    pass


class InFlightError(GatewayError):
    pass


class InspectorError(GatewayError):
    pass


class IllegalTransition(GatewayError):  # noqa: N818 - a refusal, not an error
    pass


class OwnMessageError(IllegalTransition):
    pass


class OwnProposalError(IllegalTransition):
    pass


class NotFoundError(GatewayError):
    pass


class ContentDestroyedError(NotFoundError):
    pass


class ChangeError(GatewayError):
    pass


class AccountError(GatewayError):
    pass


class KeyFileError(GatewayError):
    pass


class BackupError(GatewayError):
    pass


class RosterError(GatewayError):
    pass


class UnreadableError(GatewayError):
    pass


class BrokenChainError(GatewayError):
    pass


class ServiceError(GatewayError):
    pass
