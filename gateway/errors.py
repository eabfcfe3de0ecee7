"""Errors of the service. What is foreseeable is a value (`Unopened`, a `Reply`); these are what is left.

GatewayError
├── StoreError          the store could not be read or written: 451, nothing of ours is kept
├── InspectorError      no worker can be had: 451
├── IllegalTransition   a change of state that the table does not allow
└── NotFoundError       no such held message, account or token
"""


class GatewayError(Exception):
    """Base of this package's errors. The text never holds content."""


class StoreError(GatewayError):
    pass


class InspectorError(GatewayError):
    pass


class IllegalTransition(GatewayError):  # noqa: N818 - a refusal, not an error
    pass


class NotFoundError(GatewayError):
    pass
