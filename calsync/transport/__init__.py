"""The way to a service: one HTTP client with deadlines, rates, retries, redaction and error mapping.

Importing this costs nothing: httpx is loaded with the first request.
"""

from calsync.transport.answers import Answer, clean
from calsync.transport.client import FIRST_WAIT, RequestClass, Secret, Stop, Timeouts, Transport
from calsync.transport.multipart import FilePart, Form
from calsync.transport.pacing import Pacer

__all__ = [
    "FIRST_WAIT",
    "Answer",
    "FilePart",
    "Form",
    "Pacer",
    "RequestClass",
    "Secret",
    "Stop",
    "Timeouts",
    "Transport",
    "clean",
]
