"""GET /files/<token>: a file goes out, as a whole or a range of it."""

import httpx
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as trying
from hypothesis import strategies as st

from attachments.refusals import RangeNotSatisfiable
from attachments.serving.heads import disposition
from attachments.serving.ranges import asked
from tests.attachments.filing import CHUNK, NOTE, Shelf, link_to, open_link, picture, text_of, uploaded
from tests.messaging.talking import refused

SIZE = 3 * CHUNK + 1000


@pytest.fixture
def content() -> bytes:
    return text_of(SIZE)


@pytest.fixture
def url(patient: httpx.Client, c1: str, shelf: Shelf, content: bytes) -> str:
    return link_to(patient, uploaded(patient, c1, content))


def ranged(client: httpx.Client, url: str, wanted: str) -> httpx.Response:
    return open_link(client, url, Range=wanted)


# ---- Ranges ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-", 0, SIZE),
        ("bytes=65535-65536", 65535, 65537),
        ("bytes=65536-131071", CHUNK, 2 * CHUNK),
        ("bytes=65535-131072", CHUNK - 1, 2 * CHUNK + 1),
        (f"bytes={SIZE - 1}-", SIZE - 1, SIZE),
        (f"bytes={SIZE - 1}-{SIZE - 1}", SIZE - 1, SIZE),
        (f"bytes=100-{10**15}", 100, SIZE),
        ("bytes=-1", SIZE - 1, SIZE),
        (f"bytes=-{SIZE + 5}", 0, SIZE),
        ("Bytes = 5-9", 5, 10),
    ],
)
def test_a_range_is_exact(patient: httpx.Client, url: str, content: bytes, wanted: str, start: int, stop: int) -> None:
    """T084."""
    answer = ranged(patient, url, wanted)
    assert answer.status_code == 206
    assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/{SIZE}"
    assert answer.headers["content-length"] == str(stop - start)
    assert answer.content == content[start:stop]


@pytest.mark.parametrize(
    "wanted",
    [
        f"bytes={SIZE}-",
        f"bytes={10**15}-",
        "bytes=5-4",
        "bytes=-0",
        "bytes=-",
        "bytes=",
        "bytes=a-b",
        "bytes=0-0,2-3",
        f"bytes={','.join(f'{n}-{n}' for n in range(1000))}",
        f"bytes={'9' * 4000}-",
        "bytes=٠-١",
    ],
    ids=lambda wanted: ascii(wanted)[:24],
)
def test_what_is_not_one_range_inside_of_it(patient: httpx.Client, url: str, wanted: str) -> None:
    """T084: beyond its end, reversed, many of them."""
    with httpx.Client(base_url=patient.base_url) as anybody:
        answer = anybody.get(url, headers=[(b"Range", wanted.encode())])
    refused(answer, 416, "range_not_satisfiable")
    assert answer.headers["content-range"] == f"bytes */{SIZE}"


@pytest.mark.parametrize("headers", [{"Range": "lines=1-2"}, {"Range": "bytes=0-9", "If-Range": '"an-etag"'}])
def test_a_range_that_does_not_count_gets_the_whole(
    patient: httpx.Client, url: str, content: bytes, headers: dict[str, str]
) -> None:
    """RFC 9110: unknown units are passed over, and so is a range of a file that nobody can say is still the same."""
    answer = open_link(patient, url, **headers)
    assert (answer.status_code, answer.content) == (200, content)


def test_any_range_is_the_slice(patient: httpx.Client, url: str, content: bytes) -> None:
    """At the borders of chunks above all."""
    near = st.builds(lambda chunk, by: chunk * CHUNK + by, st.integers(0, 3), st.integers(-2, 2))
    places = st.one_of(near, st.integers(0, SIZE - 1)).map(lambda at: min(max(at, 0), SIZE - 1))
    with httpx.Client(base_url=patient.base_url) as anybody:

        @trying(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
        @given(places, places)
        def check(one: int, other: int) -> None:
            first, last = sorted((one, other))
            answer = anybody.get(url, headers={"Range": f"bytes={first}-{last}"})
            assert (answer.status_code, answer.content) == (206, content[first : last + 1])

        check()


@pytest.mark.no_database
@given(st.integers(0, 50), st.integers(0, 60), st.integers(0, 60))
def test_a_range_never_leaves_the_file(size: int, first: int, last: int) -> None:
    for header in (f"bytes={first}-{last}", f"bytes={first}-", f"bytes=-{last}"):
        try:
            found = asked(header, None, size)
        except RangeNotSatisfiable:
            continue
        assert 0 <= found.start < found.stop <= size


# ---- The answer ------------------------------------------------------------------------------------------------------


def test_head_tells_what_get_would(patient: httpx.Client, url: str) -> None:
    for headers in ({}, {"Range": "bytes=10-19"}):
        got, told = open_link(patient, url, **headers), open_link(patient, url, "HEAD", **headers)
        assert (told.status_code, told.content) == (got.status_code, b"")
        passing = {"date", "x-request-id"}
        assert {n: v for n, v in told.headers.items() if n not in passing} == {
            n: v for n, v in got.headers.items() if n not in passing
        }


def test_it_is_data_for_every_browser(patient: httpx.Client, url: str) -> None:
    headers = open_link(patient, url).headers
    assert headers["content-type"] == "application/octet-stream"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'; sandbox"
    assert headers["cross-origin-resource-policy"] == "same-site"
    assert headers["cache-control"] == "private, no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["accept-ranges"] == "bytes"
    assert headers["content-disposition"] == "attachment; filename=\"note.txt\"; filename*=UTF-8''note.txt"
    assert not {"etag", "last-modified", "set-cookie"} & {*headers}


def pdf() -> bytes:
    return b"%PDF-1.7\n/OpenAction << /S /JavaScript /JS (app.alert(1)) >>\n%%EOF\n"


@pytest.mark.parametrize(
    ("content", "name", "declared", "served", "shown"),
    [
        (picture(), "a.png", "image/png", "image/png", "inline"),
        (picture(format="JPEG"), "a.jpg", "image/jpeg", "image/jpeg", "inline"),
        (pdf(), "a.pdf", "application/pdf", "application/pdf", "attachment"),
        (NOTE, "a.txt", "text/plain", "application/octet-stream", "attachment"),
    ],
    ids=["png", "jpeg", "pdf with a script", "text"],
)
def test_only_what_cannot_run_is_shown_in_place(
    patient: httpx.Client,
    c1: str,
    shelf: Shelf,
    content: bytes,
    name: str,
    declared: str,
    served: str,
    shown: str,
) -> None:
    """T080: and only when the link says so."""
    made = uploaded(patient, c1, content, name, declared)
    for disposed, url in (
        (shown, link_to(patient, made, disposition="inline")),
        ("attachment", link_to(patient, made)),
    ):
        answer = open_link(patient, url)
        assert answer.headers["content-type"] == served
        assert answer.headers["content-disposition"].split(";")[0] == disposed
        assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'; sandbox"


@pytest.mark.no_database
@given(st.text(min_size=1).filter(lambda name: not any("\ud800" <= c <= "\udfff" for c in name)))
def test_no_name_ends_its_header(name: str) -> None:
    """T082: both forms of RFC 6266, whatever is in them."""
    header = disposition(name, inline=False)
    assert header.isascii()
    assert header.isprintable()
    likeness, exact = header.removeprefix('attachment; filename="').split("\"; filename*=UTF-8''")
    assert not {'"', "\\", "%", "/", ";"} & {*likeness}
    assert httpx.URL(f"http://x/{exact}").path == f"/{name}" or {"/", ".", "?", "#"} & {*name}


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_it_is_only_read(patient: httpx.Client, url: str, method: str) -> None:
    answer = open_link(patient, url, method)
    refused(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, HEAD"


def test_an_unknown_parameter_is_refused(patient: httpx.Client, url: str) -> None:
    refused(open_link(patient, f"{url}?download=1"), 400, "unknown_param")
