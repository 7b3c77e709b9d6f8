"""The conversations of the tests of messaging, and REST clients of the people in them."""

from collections.abc import Iterator

import httpx
import pytest

from tests.audit.conftest import log_cannot_be_written
from tests.live import Server
from tests.people import Person, client_for, open_clinical

__all__ = ["log_cannot_be_written"]


@pytest.fixture
def c1(pat1: Person, doc1: Person) -> str:
    return open_clinical(pat1, doc1)


@pytest.fixture
def c2(pat2: Person, doc2: Person) -> str:
    return open_clinical(pat2, doc2)


@pytest.fixture
def patient(pat1: Person, c1: str, server: Server) -> Iterator[httpx.Client]:
    """pat1's client; pat1 and doc1 share conversation c1."""
    with client_for(pat1, server) as client:
        yield client


@pytest.fixture
def doctor(doc1: Person, c1: str, server: Server) -> Iterator[httpx.Client]:
    """doc1's client."""
    with client_for(doc1, server) as client:
        yield client


@pytest.fixture
def stranger(pat2: Person, c2: str, server: Server) -> Iterator[httpx.Client]:
    """pat2's client, who belongs to c2 and not to c1."""
    with client_for(pat2, server) as client:
        yield client
