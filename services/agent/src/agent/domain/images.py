"""Pictures in messages: what they may be, told from their first bytes."""

from collections.abc import Sequence

from contracts.project import MAX_IMAGES_BYTES, Image

_WEBP_MARK = slice(8, 12)


def refusal_of_images(images: Sequence[Image]) -> str | None:
    """Return why *images* cannot be in a message, or None if they can."""
    if sum(len(image.data) for image in images) > MAX_IMAGES_BYTES:
        return f"The images of a message have at most {MAX_IMAGES_BYTES:,} bytes."
    for image in images:
        if _media_type(image.data) != image.media_type:
            return "An image must be the PNG, JPEG or WebP that it says it is."
    return None


def _media_type(data: bytes) -> str | None:
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith(b"RIFF") and data[_WEBP_MARK] == b"WEBP":
        return "image/webp"
    return None
