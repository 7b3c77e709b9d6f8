"""Files: unsent ones go after a day, held ones by nobody's hand."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import httpx
import pytest

from attachments.sweeping import remove_gone
from core.actor import SYSTEM
from core.jobs import jobs
from core.retention import Scope
from retention.services import create_policy, lift_hold
from tests.attachments.filing import Shelf, row_of, take_back, uploaded
from tests.messaging.talking import API, entries, refused
from tests.people import Person
from tests.retention.running import apply, dry_run, hold

pytestmark = pytest.mark.core


@pytest.mark.parametrize("way", ["conversation", "user", "owner"])
def test_of_a_held_conversation_none_is_discarded(
    patient: httpx.Client,
    pat1: Person,
    doc1: Person,
    c1: str,
    shelf: Shelf,
    later: Callable[..., datetime],
    way: str,
) -> None:
    """T154: neither by its owner, nor by the clock; the answer says neither who wants it nor why."""
    made = uploaded(patient, c1)
    targets: dict[str, tuple[str, UUID | str]] = {
        "conversation": ("conversation", c1),
        "user": ("user", doc1.id),
        "owner": ("user", pat1.id),
    }
    placed = hold(*targets[way])
    answer = patient.delete(f"{API}/attachments/{made['id']}")
    problem = refused(answer, 409, "legal_hold")
    assert problem["detail"] == "It cannot be deleted now."
    assert not {"hold", "court", "case"} & set(answer.text.replace("legal_hold", "").lower().split())
    later(days=400)
    assert dry_run("--rule", "attachments.unsent") == apply("--rule", "attachments.unsent")
    remove_gone()
    assert row_of(made).gone_at is None
    assert shelf.all() == [shelf.object_of(made)]
    assert entries("file.discarded") == []
    lift_hold(actor=SYSTEM, hold=placed)
    assert dry_run()["attachments.unsent"] == (1, 1)
    assert apply()["attachments.unsent"] == (1, 1)
    remove_gone()
    assert shelf.all() == []


def test_what_was_discarded_before_the_hold_is_no_longer_removed(patient: httpx.Client, c1: str, shelf: Shelf) -> None:
    made = uploaded(patient, c1)
    take_back(patient, made)
    placed = hold("conversation", c1)
    remove_gone()
    assert shelf.all() == [shelf.object_of(made)]
    refused(patient.get(f"{API}/attachments/{made['id']}"), 404, "not_found")
    lift_hold(actor=SYSTEM, hold=placed)
    remove_gone()
    assert shelf.all() == []


def test_one_that_is_held_keeps_no_other_waiting(
    patient: httpx.Client, stranger: httpx.Client, c1: str, c2: str, shelf: Shelf, later: Callable[..., datetime]
) -> None:
    kept, other = uploaded(patient, c1), uploaded(stranger, c2)
    hold("conversation", c1)
    later(days=2)
    assert dry_run("--rule", "attachments.unsent") == {"attachments.unsent": (1, 1)}
    assert apply("--rule", "attachments.unsent") == {"attachments.unsent": (1, 1)}
    remove_gone()
    assert shelf.all() == [shelf.object_of(kept)]
    assert [str(entry.object) for entry in entries("file.discarded")] == [other["id"]]


def test_a_policy_counts_for_the_job_between_the_nights_too(
    patient: httpx.Client, c1: str, shelf: Shelf, later: Callable[..., datetime]
) -> None:
    made = uploaded(patient, c1)
    create_policy(actor=SYSTEM, rule="attachments.unsent", scope=Scope(), days=7)
    later(days=6)
    jobs["attachments.discard_unclaimed"].run()
    assert row_of(made).gone_at is None
    later(days=8)
    jobs["attachments.discard_unclaimed"].run()
    assert row_of(made).gone_at is not None
