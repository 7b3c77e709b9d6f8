"""A conversation of two people, a message in it, and a client of each and of a stranger."""

from collections.abc import Iterator

import httpx
import pytest

from accounts.services import create_patient_record
from tests.doors.asking import Made
from tests.live import Server
from tests.messaging.files import upload
from tests.messaging.talking import say
from tests.people import Person, client_for, open_clinical


@pytest.fixture
def c1(pat1: Person, doc1: Person) -> str:
    return open_clinical(pat1, doc1)


@pytest.fixture
def made(doc1: Person, pat1: Person, c1: str) -> Made:
    """The doctor owns the conversation and wrote the message, so the doctor may do everything."""
    record = create_patient_record(actor=doc1.actor, subject=doc1.actor, mrn="MRN 1", name="Paula Quint")
    subjects = {
        "conversation": c1,
        "message": str(say(doc1, c1, "the only message")[0]["id"]),
        "nothing": "",
        "record": str(record.id),
        "user": str(pat1.id),
        "attachment": upload(doc1, c1),
    }
    return subjects.__getitem__


@pytest.fixture
def doctor(doc1: Person, server: Server) -> Iterator[httpx.Client]:
    with client_for(doc1, server) as client:
        yield client


@pytest.fixture
def stranger(pat2: Person, server: Server) -> Iterator[httpx.Client]:
    with client_for(pat2, server) as client:
        yield client
