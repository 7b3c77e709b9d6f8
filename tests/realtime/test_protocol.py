"""Frames without sockets: what is understood, what is answered, what closes the connection."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Forbidden, Invalid, RateLimited, UnknownEvent, UnknownField
from realtime import protocol
from realtime.protocol import BadFrame, CloseCode, Control, Request

pytestmark = pytest.mark.no_database


def test_a_control_frame_has_a_type_and_a_request_an_event() -> None:
    assert protocol.parse('{"type": "pong"}') == Control("pong", {"type": "pong"})
    assert protocol.parse('{"id": "c1", "event": "typing", "data": {"a": 1}}') == Request("c1", "typing", {"a": 1})


def test_a_request_needs_neither_id_nor_data() -> None:
    assert protocol.parse('{"event": "notification:get-pending"}') == Request(None, "notification:get-pending", {})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "[]",
        "17",
        '"text"',
        "null",
        "{}",
        '{"id": "c1"}',
        '{"type": "ping", "event": "typing"}',
        '{"type": 1}',
        '{"type": null}',
        '{"type": 1e999}',
        '{"event": "typing", "data": NaN}',
        '{"event": "typing", "data": -Infinity}',
        '{"event": "typing", "data": -1e999}',
        '{"type": ' + "9" * 60_000 + "}",
        '{"event": "typing", "data": ' + "9" * 60_000 + "}",
        '{"event": "typing", "data": ' + "[" * 10_000 + "]" * 10_000 + "}",
        "[" * 10_000,
        '{"type": "ping"} {"type": "ping"}',
    ],
)
def test_what_is_no_frame_of_this_protocol_is_refused(text: str) -> None:
    """T029."""
    with pytest.raises(BadFrame):
        protocol.parse(text)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ('{"event": 7}', UnknownEvent),
        ('{"event": null, "id": "c1"}', UnknownEvent),
        ('{"event": "typing", "id": 7}', Invalid),
        ('{"event": "typing", "id": ""}', None),
        ('{"event": "typing", "id": "' + "x" * 64 + '"}', None),
        ('{"event": "typing", "id": "' + "x" * 65 + '"}', Invalid),
        ('{"event": "typing", "id": "\\u0000"}', Invalid),
        ('{"event": "typing", "id": "\\ud800"}', Invalid),
        ('{"event": "typing", "__proto__": {}}', UnknownField),
        ('{"event": "typing", "token": "x"}', UnknownField),
    ],
)
def test_a_wrong_frame_around_a_readable_request_gets_an_answer(text: str, error: type | None) -> None:
    request = protocol.parse(text)
    assert isinstance(request, Request)
    assert type(request.error) is (error or type(None))


def test_half_a_surrogate_pair_reaches_the_validation_of_the_request() -> None:
    r"""T068: `"\ud800"` is JSON; the socket stays open for it."""
    request = protocol.parse('{"id": "c1", "event": "message:new", "data": {"content": "\\ud800"}}')
    assert request == Request("c1", "message:new", {"content": "\ud800"})


def test_of_two_equal_keys_the_last_counts() -> None:
    assert protocol.parse('{"type": "ping", "type": "pong"}') == Control("pong", {"type": "pong"})


@given(st.text())
def test_any_text_is_a_frame_or_a_bad_frame(text: str) -> None:
    try:
        frame = protocol.parse(text)
    except BadFrame:
        return
    assert isinstance(frame, Control | Request)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["id", "event", "data", "type", "x"]), json_values))
def test_any_object_is_a_frame_or_a_bad_frame_and_can_be_answered(body: dict[str, object]) -> None:
    try:
        frame = protocol.parse(json.dumps(body))
    except BadFrame:
        return
    if isinstance(frame, Request):
        reply = json.loads(b"".join(protocol.payloads(protocol.error_frame(frame.id, UnknownEvent()))))
        assert reply["replyTo"] == frame.id


def unframed(frame: bytes) -> object:
    (payload,) = protocol.payloads(frame)
    return json.loads(payload)


def test_replies_and_errors_look_like_the_documents_say() -> None:
    assert unframed(protocol.reply_frame("c1", {"a": 1})) == {"replyTo": "c1", "data": {"a": 1}}
    refused = unframed(protocol.error_frame(None, Forbidden("No.")))
    assert refused == {"replyTo": None, "error": {"code": "forbidden", "detail": "No."}}
    limited = unframed(protocol.error_frame("c2", RateLimited("Wait.", retry_after_ms=250)))
    assert limited == {"replyTo": "c2", "error": {"code": "rate_limited", "detail": "Wait.", "retryAfterMs": 250}}


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 200_000])
def test_a_frame_says_its_length_as_rfc_6455_wants(size: int) -> None:
    payload = b"x" * size
    frame = protocol.text_frame(payload)
    assert frame[0] == 0x81
    width = 0 if size < 126 else 2 if size < 65_536 else 8
    assert frame[1] == (size if size < 126 else 126 if width == 2 else 127)
    assert int.from_bytes(frame[2 : 2 + width], "big") == (size if width else 0)
    assert frame[2 + width :] == payload


@given(st.lists(st.binary(max_size=300) | st.just(b"y" * 70_000), max_size=5))
def test_joined_frames_come_apart_again(payloads: list[bytes]) -> None:
    assert list(protocol.payloads(b"".join(map(protocol.text_frame, payloads)))) == payloads


def test_every_close_code_has_a_sentence_that_fits_its_frame() -> None:
    for code in CloseCode:
        assert 0 < len(code.sentence.encode()) <= 123
    assert len({code.sentence for code in CloseCode}) >= len(CloseCode) - 1
    assert CloseCode(4410) is CloseCode.SESSION_REVOKED
