"""The conversations of the tests of messaging, and REST clients of the people in them."""

from collections.abc import Iterator

import httpx
import pytest

from tests.audit.conftest import log_cannot_be_written
from tests.live import Server
from tests.people import Person, client_for, make_person, open_clinical

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


@pytest.fixture
def teacher(database: None) -> Person:
    return make_person("teacher", "instructor", display_name="Ines Dupont")


@pytest.fixture
def student(database: None) -> Person:
    return make_person("student", "student", display_name="Sam Lee")


@pytest.fixture
def classmate(database: None) -> Person:
    return make_person("classmate", "student", display_name="Sofia Rossi")


@pytest.fixture
def staff(database: None) -> Person:
    """Somebody of the role staff, without any rights."""
    return make_person("staff", "staff", display_name="Morgan Reed")


@pytest.fixture
def as_teacher(teacher: Person, server: Server) -> Iterator[httpx.Client]:
    with client_for(teacher, server) as client:
        yield client


@pytest.fixture
def as_student(student: Person, server: Server) -> Iterator[httpx.Client]:
    with client_for(student, server) as client:
        yield client
