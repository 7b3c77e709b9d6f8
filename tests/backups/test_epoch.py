"""T144: after a restore to an earlier point clients load everything anew, nobody misses anything without a word."""

from pathlib import Path

import httpx
import pytest

from tests.backups.conftest import Elsewhere, backed_up
from tests.backups.test_shredded import signed_in
from tests.live import Server
from tests.messaging.talking import API, page, refused, send
from tests.people import Person, sign_in
from tests.processes import served
from tests.sockets import connect, connect_to

pytestmark = pytest.mark.core


def test_numbers_that_are_given_out_again_are_of_another_epoch(
    tmp_path: Path, elsewhere: Elsewhere, server: Server, pat1: Person, doc1: Person, patient: httpx.Client, c1: str
) -> None:
    with connect(server, pat1.token) as client:
        epoch = client.hello["epoch"]
    before = [send(patient, c1, f"before {number}") for number in range(3)]
    folder = backed_up(tmp_path)
    lost = [send(patient, c1, f"lost {number}") for number in range(2)]
    head = lost[-1]["seq"]
    old_token = sign_in(pat1).access
    elsewhere.ran("restore", "--from", str(folder))

    with served(**elsewhere.environment) as process:
        with httpx.Client(base_url=process.url, headers={"Authorization": f"Bearer {old_token}"}) as stale:
            assert stale.get(f"{API}/me").status_code == 401
        with signed_in(process, "pat1") as own, signed_in(process, "doc1") as other:
            assert [one["id"] for one in page(own, c1)["results"]] == [one["id"] for one in before]
            refused(own.get(f"{API}/messages/{lost[0]['id']}"), 404, "not_found")
            token = own.headers["authorization"].removeprefix("Bearer ")

            # Which cursor a client of before the restore comes with does not matter: behind, at or above the head.
            for cursor in (before[0]["seq"], before[-1]["seq"], head):
                resume = {"epoch": epoch, "cursors": {c1: cursor}}
                with connect_to(process.url, token, resume=resume) as client:
                    frame = client.next_frame_where(lambda frame: frame.get("type") == "resync")
                    assert frame == {"type": "resync", "conversationId": c1, "reason": "unknown_epoch"}
                    assert client.hello["epoch"] != epoch
                    new_epoch = client.hello["epoch"]

            after = send(other, c1, "after")
            assert after["seq"] == lost[0]["seq"]  # the number again, in the new epoch
            assert after["id"] not in {one["id"] for one in lost}
            resume = {"epoch": new_epoch, "cursors": {c1: before[-1]["seq"]}}
            with connect_to(process.url, token, resume=resume) as client:
                event = client.next_event("message:new")
                assert (event["seq"], event["data"]["id"]) == (after["seq"], after["id"])
            # A client that was offline all the time, and knows neither the lost messages nor this one.
            resume = {"epoch": epoch, "cursors": {c1: before[-1]["seq"]}}
            with connect_to(process.url, token, resume=resume) as client:
                frame = client.next_frame_where(lambda frame: frame.get("type") == "resync")
                assert frame["reason"] == "unknown_epoch"
