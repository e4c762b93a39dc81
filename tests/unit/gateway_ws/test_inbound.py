"""What a client may say, and the contract's exact words for what it may not."""

import contextlib
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import browser
from gateway_ws.domain.inbound import InvalidFrame, parse

SHAPE = "WebSocket message must be valid JSON and follow the { type, data } shape"
OBJECT = "WebSocket message must be an object with a string type field"
STRING = 'WebSocket message "type" must be a string'
DATA = 'WebSocket message "data" must be an object'
CONTENT = '"user_message" requires data.content as a non-empty string'


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ('{"type":"get_state"}', browser.GetState()),
        ('{"type":"get_state","data":{}}', browser.GetState()),
        ('{"type":"get_preview_url","more":1}', browser.GetPreviewUrl()),
        ('{"type":"stop_generation","data":{"x":1}}', browser.StopGeneration()),
        ('{"type":"start_generation"}', browser.StartGeneration()),
        (
            '{"type":"start_generation","data":{"prompt":"a","maxPhases":2}}',
            browser.StartGeneration(
                data=browser.StartGenerationData(prompt="a", max_phases=2)
            ),
        ),
        (
            '{"type":"user_message","data":{"content":"  make it red "}}',
            browser.UserMessage(data=browser.UserMessageData("make it red")),
        ),
    ],
)
def test_a_message_is_understood(frame: str, message: browser.ClientMessage) -> None:
    assert parse(frame.encode()) == message


@pytest.mark.parametrize(
    ("frame", "code", "message"),
    [
        ("", "invalid_message", SHAPE),
        ("{", "invalid_message", SHAPE),
        (b"\xff\xfe", "invalid_message", SHAPE),
        ("[" * 50_000, "invalid_message", SHAPE),
        ("[]", "invalid_message", OBJECT),
        ("null", "invalid_message", OBJECT),
        ('"get_state"', "invalid_message", OBJECT),
        ("{}", "invalid_message", STRING),
        ('{"type":1}', "invalid_message", STRING),
        ('{"type":null,"data":[]}', "invalid_message", STRING),
        ('{"type":"x"}', "unknown_message_type", 'Unknown message type "x"'),
        ('{"type":"","data":1}', "unknown_message_type", 'Unknown message type ""'),
        ('{"type":"get_state","data":[]}', "invalid_message_data", DATA),
        ('{"type":"get_state","data":null}', "invalid_message_data", DATA),
        ('{"type":"user_message","data":"hi"}', "invalid_message_data", DATA),
        ('{"type":"user_message"}', "invalid_message_data", CONTENT),
        (
            '{"type":"user_message","data":{"content":" \\n "}}',
            "invalid_message_data",
            CONTENT,
        ),
        (
            '{"type":"user_message","data":{"content":5}}',
            "invalid_message_data",
            CONTENT,
        ),
    ],
)
def test_a_mistake_gets_the_words_of_the_contract(
    frame: str | bytes, code: str, message: str
) -> None:
    with pytest.raises(InvalidFrame) as caught:
        parse(frame if isinstance(frame, bytes) else frame.encode())
    assert (caught.value.code, caught.value.message) == (code, message)


PICTURE = '{"mediaType":"image/png","data":"aGk="}'


def test_pictures_come_along() -> None:
    data = f'{{"content":"like this","images":[{PICTURE}]}}'
    message = parse(f'{{"type":"user_message","data":{data}}}'.encode())
    assert isinstance(message, browser.UserMessage)
    assert message.data.images[0].image().data == b"hi"


@pytest.mark.parametrize(
    "images", ["1", "[1]", f"[{','.join([PICTURE] * 11)}]", '[{"data":"%"}]']
)
def test_other_pictures_are_refused(images: str) -> None:
    data = f'{{"content":"like this","images":{images}}}'
    with pytest.raises(InvalidFrame, match=r"data\.images") as caught:
        parse(f'{{"type":"user_message","data":{data}}}'.encode())
    assert caught.value.code == "invalid_message_data"


@pytest.mark.parametrize(
    "data",
    ['{"prompt":1}', '{"maxPhases":0}', '{"maxPhases":"3"}', '{"model":[]}'],
)
def test_start_generation_takes_no_other_data(data: str) -> None:
    with pytest.raises(InvalidFrame, match=r"data\.prompt") as caught:
        parse(f'{{"type":"start_generation","data":{data}}}'.encode())
    assert caught.value.code == "invalid_message_data"


BRACKETS = "[" + "[]," * 200_000 + "[]]"


@pytest.mark.parametrize(
    "frame",
    [
        BRACKETS,
        f'{{"type":"x","data":{BRACKETS}}}',
        f'{{"type":"get_state","data":{{"x":{BRACKETS}}}}}',
        f'{{"type":"user_message","data":{{"content":{BRACKETS}}}}}',
        f'{{"type":"user_message","data":{{"content":"a","images":{BRACKETS}}}}}',
        f'{{"type":{BRACKETS}}}',
    ],
)
def test_a_frame_of_brackets_becomes_no_heap_of_objects(frame: str) -> None:
    body = frame.encode()
    tracemalloc.start()
    with contextlib.suppress(InvalidFrame):
        parse(body)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5 * len(body)


def _utf8(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
FRAMES = st.binary() | st.text().map(_utf8) | JSON.map(repr).map(_utf8)


@given(FRAMES)
def test_no_frame_crashes_the_parser(frame: bytes) -> None:
    with contextlib.suppress(InvalidFrame):
        parse(frame)
