"""A picture that hostile code may have drawn is a JPEG within bounds, or none."""

import pytest
from msgspec import ValidationError, json

from contracts import codec
from contracts.sandbox import MAX_SCREENSHOT_BYTES, Screenshot

JPEG = b"\xff\xd8\xff\xe0 what is drawn \xff\xd9"
_screenshots: json.Decoder[Screenshot] = codec.decoder(Screenshot)


@pytest.mark.parametrize("jpeg", [JPEG, None])
def test_a_screenshot_decodes_to_itself(jpeg: bytes | None) -> None:
    assert _screenshots.decode(codec.encode(Screenshot(jpeg))) == Screenshot(jpeg)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        JPEG + b"PK\x05\x06 and an archive",
        JPEG[:-2] + bytes(MAX_SCREENSHOT_BYTES) + JPEG[-2:],
    ],
    ids=["nothing", "an image that runs", "two kinds at once", "too large"],
)
def test_what_is_no_bounded_jpeg_neither_goes_out_nor_comes_in(body: bytes) -> None:
    with pytest.raises(ValueError, match="the picture is"):
        Screenshot(body)
    message = json.encode({"type": "screenshot", "jpeg": body})
    with pytest.raises(ValidationError):
        _screenshots.decode(message)
