"""`/metrics`: what it counts, and that it says nothing of anybody."""

import pytest

from config.metrics.statistics import statistics
from core import doors, jobs, measuring
from core.errors import AppError, DatabaseUnavailable
from core.models import TaskState
from messaging.models.conversation import Kind
from realtime import threads
from realtime.protocol import CloseCode
from tests.attachments.filing import NOTE, uploaded
from tests.figures import scrape
from tests.live import Server
from tests.people import Person, anonymous_client, client_for, open_clinical
from tests.sockets import Refusal, connect

pytestmark = pytest.mark.core


@pytest.fixture(autouse=True)
def asked_anew(database: None) -> None:
    """The database's figures of the test before are none of this one."""
    statistics.forget()


def test_sockets_messages_and_deliveries_are_counted(server: Server, pat1: Person, doc1: Person) -> None:
    conversation = open_clinical(pat1, doc1)
    before = scrape(server.url)
    with connect(server, pat1.token) as patient, connect(server, doc1.token) as doctor:
        for _ in range(3):
            patient.ask("message:new", {"conversationId": conversation, "content": "Good morning"})
            doctor.next_event("message:new")
            patient.next_event("message:new")
        after = scrape(server.url)

    def grew(name: str, **labels: str) -> float:
        return after.value(name, **labels) - before.value(name, **labels)

    assert after.value("connections_active") == 2
    assert after.value("connections_peak") >= 2
    assert grew("connections_total") == 2
    assert grew("events_total", event="message:new", outcome="ok") == 3
    assert grew("event_seconds_count", event="message:new") == 3
    assert grew("event_seconds_sum", event="message:new") > 0
    assert grew("stream_events_total", event="message:new") == 3
    assert grew("deliveries_total") == 6
    assert grew("writer_group_size_count", writer="audit-writer") >= 3
    assert grew("http_requests_total", area="other", method="GET", status="200") == 1


def test_what_was_refused_is_counted_by_its_code(server: Server, pat1: Person, out1: Person, doc1: Person) -> None:
    conversation = open_clinical(pat1, doc1)
    before = scrape(server.url)
    with (
        connect(server, out1.token) as stranger,
        client_for(out1, server) as rest,
        anonymous_client(server) as nobody,
    ):
        for name, data, code in (
            ("message:new", {"conversationId": conversation, "content": "x"}, "not_found"),
            ("message:new", {"conversationId": conversation, "content": 1}, "invalid"),
            ("canary-7f3a", {}, "unknown_event"),
        ):
            with pytest.raises(Refusal, match=code):
                stranger.ask(name, data)
        assert rest.get(f"/api/v1/conversations/{conversation}").status_code == 404
        assert nobody.get("/api/v1/me").status_code == 401
    after = scrape(server.url)

    def grew(name: str, **labels: str) -> float:
        return after.value(name, **labels) - before.value(name, **labels)

    assert grew("events_total", event="message:new", outcome="not_found") == 1
    assert grew("events_total", event="message:new", outcome="invalid") == 1
    assert grew("events_total", event="other", outcome="unknown_event") == 1
    assert grew("http_problems_total", code="not_found") >= 1
    assert grew("http_problems_total", code="unauthenticated") == 1
    assert "canary-7f3a" not in after.text


def test_a_socket_that_the_server_closes_is_counted_by_its_code(server: Server, pat1: Person) -> None:
    before = scrape(server.url).value("connections_closed_total", code="4408")
    with connect(server, pat1.token) as client:
        client.send("no JSON")
        assert client.closed_with() == CloseCode.BAD_FRAME
    assert scrape(server.url).value("connections_closed_total", code=str(int(CloseCode.BAD_FRAME))) >= 1
    assert scrape(server.url).value("connections_closed_total", code="4408") == before


def test_uploads_are_counted_with_their_bytes(server: Server, pat1: Person, doc1: Person) -> None:
    conversation = open_clinical(pat1, doc1)
    before = scrape(server.url)
    with client_for(pat1, server) as rest:
        uploaded(rest, conversation)
    after = scrape(server.url)
    assert after.value("uploads_total", status="clean") - before.value("uploads_total", status="clean") == 1
    assert after.value("upload_bytes_total") - before.value("upload_bytes_total") == len(NOTE)


def test_jobs_are_counted_by_how_they_ended(server: Server) -> None:
    def fail() -> None:
        raise ValueError("canary-7f3a")

    jobs.Job("test.failing", run=fail, attempts=1)
    try:
        jobs.enqueue("test.failing")
        before = scrape(server.url)
        assert before.value("jobs_due", job="test.failing") == 1
        jobs.run_due()
        statistics.forget()
        after = scrape(server.url)
    finally:
        del jobs.jobs["test.failing"]
    assert after.value("job_runs_total", job="test.failing", outcome="failed") == 1
    assert after.value("job_runs_total", job="test.failing", outcome="given_up") == 1
    assert after.value("job_seconds_count", job="test.failing") == 1
    assert after.value("jobs", state="failed") == 1
    assert after.value("jobs_due", job="test.failing") == 0
    assert "canary-7f3a" not in after.text


def test_rooms_and_the_people_in_them_are_told_by_kind(
    server: Server, pat1: Person, doc1: Person, doc2: Person
) -> None:
    open_clinical(pat1, doc1)
    with client_for(doc1, server) as rest, connect(server, doc1.token), connect(server, doc2.token):
        rest.post("/api/v1/conversations", json={"kind": "group", "name": "Ward"}).raise_for_status()
        figures = scrape(server.url)
    assert figures.value("conversations", kind="clinical") == 1
    assert figures.value("conversations", kind="group") == 1
    assert figures.value("conversations", kind="course") == 0
    assert figures.value("members_online", kind="clinical") == 1
    assert figures.value("people_online") >= 2


def test_the_database_is_asked_every_30_s_at_most(server: Server, pat1: Person, doc1: Person) -> None:
    assert scrape(server.url).value("conversations") == 0
    open_clinical(pat1, doc1)
    assert scrape(server.url).value("conversations") == 0
    statistics.forget()
    assert scrape(server.url).value("conversations") == 1


def test_without_a_database_the_other_figures_are_there(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object) -> None:
        raise DatabaseUnavailable

    monkeypatch.setattr(threads, "run", away)
    figures = scrape(server.url)
    assert figures.has("connections_active")
    assert not figures.has("statistics_age_seconds")


def test_labels_come_from_what_the_code_declares(server: Server, pat1: Person, doc1: Person) -> None:
    """T099: no id, name, path or text of anybody can become one."""
    conversation = open_clinical(pat1, doc1)
    with client_for(pat1, server) as rest, connect(server, doc1.token) as socket:
        rest.post(f"/api/v1/conversations/{conversation}/messages", json={"content": "canary-7f3a"})
        rest.get("/api/v1/canary-7f3a?canary-7f3a=1")
        rest.request("CANARY", "/health")
        rest.get(f"/api/v1/conversations/{conversation}")
        socket.ask_raw("canary:7f3a", {"canary-7f3a": 1})
    figures = scrape(server.url)
    declared = closed_sets()
    for sample in figures.samples:
        for label, value in sample.labels.items():
            assert label == "le" or value in declared[label], (sample.name, label, value)
    assert "canary" not in figures.text.lower()
    assert conversation not in figures.text


def closed_sets() -> dict[str, set[str]]:
    """Every value that each label may have."""
    codes = {one.code for one in every_kind_of(AppError) if hasattr(one, "code")}
    return {
        "event": {*doors.receives, *doors.sends, measuring.OTHER},
        "outcome": {*codes, "ok", "cancelled", "defect", "failed", "done", "given_up"},
        "code": codes | {str(int(code)) for code in CloseCode},
        "job": {*jobs.jobs, measuring.OTHER, "test.failing"},
        "kind": {*Kind.values},
        "state": {*TaskState.values},
        "writer": {"audit-writer", "audit-reader", "writer"},
        "area": {"api", "files", "admin", "static", "health", measuring.OTHER},
        "method": {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", measuring.OTHER},
        "status": {*map(str, range(200, 600)), "clean", "infected", "unscannable", "scanning", "failed"},
        "standing": {"none", "available", "outdated", "too_old", "unavailable"},
        "verdict": {"clean", "infected", "unscannable", "unknown"},
    }


def every_kind_of(kind: type[AppError]) -> set[type[AppError]]:
    return {kind}.union(*(every_kind_of(one) for one in kind.__subclasses__()))


def test_a_metric_of_that_name_is_declared_once() -> None:
    with pytest.raises(ValueError, match="Duplicated"):
        measuring.counter("connections", "Once more.")
    with pytest.raises(ValueError, match="Duplicated"):
        measuring.gauge("connections_active", "Once more.", lambda: 0.0)
