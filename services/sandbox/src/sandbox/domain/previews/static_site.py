"""Serving a plain page as it is: which file, of which type, and how it reloads."""

import re
from urllib.parse import quote, unquote

CHANGES = "/.atelier/changes"
"""Where an open page asks whether its files are still the ones it was made of."""

_TYPES = {
    "avif": "image/avif",
    "css": "text/css; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
    "gif": "image/gif",
    "htm": "text/html; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "ico": "image/x-icon",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "map": "application/json",
    "md": "text/markdown; charset=utf-8",
    "mjs": "text/javascript; charset=utf-8",
    "mp3": "audio/mpeg",
    "mp4": "video/mp4",
    "ogg": "audio/ogg",
    "otf": "font/otf",
    "pdf": "application/pdf",
    "png": "image/png",
    "svg": "image/svg+xml",
    "ttf": "font/ttf",
    "txt": "text/plain; charset=utf-8",
    "wasm": "application/wasm",
    "wav": "audio/wav",
    "webm": "video/webm",
    "webmanifest": "application/manifest+json",
    "webp": "image/webp",
    "woff": "font/woff",
    "woff2": "font/woff2",
    "xml": "application/xml",
}
_OTHER = "application/octet-stream"

# A question stays open until something changes or some time has passed; between two
# there is no pause, after a failure there is one.
_SCRIPT = """
<script>
(async (token) => {
  for (;;) {
    try {
      const answer = await fetch("%s?after=" + token, {cache: "no-store"});
      if (answer.ok && (await answer.text()) !== token) return location.reload();
      if (answer.ok) continue;
    } catch {}
    await new Promise((go) => setTimeout(go, 1000));
  }
})("%s");
</script>
"""
_RANGE = re.compile(r"bytes=(?P<first>\d{0,15})-(?P<last>\d{0,15})", re.ASCII)
_END_OF_BODY = re.compile(rb"</body\s*>", re.IGNORECASE)


def is_refused(raw_path: str) -> bool:
    """Tell whether no preview answers for this path, static or not.

    `/@fs/` is how a dev server reads files outside of the app's folder.
    """
    path = unquote(raw_path).replace("\\", "/")
    return "\0" in path or ".." in path.split("/") or "/@fs/" in f"{path.lower()}/"


def candidates(raw_path: str) -> list[str]:
    """Return the files that may be meant, the likeliest first; hidden ones never."""
    path = "/".join(part for part in unquote(raw_path).split("/") if part)
    if any(part.startswith(".") for part in path.split("/")):
        return []
    if not path:
        return ["index.html"]
    if raw_path.endswith("/"):
        return [f"{path}/index.html"]
    return [path, f"{path}.html", f"{path}/index.html"]


def page_of_folder(raw_path: str, found: str) -> str | None:
    """Return where the page *found* for *raw_path* is, if that is another address.

    It is the one from which its links count: that of its folder, with a slash.
    """
    folder = found.removesuffix("/index.html")
    names = [part for part in unquote(raw_path).split("/") if part]
    is_elsewhere = folder == "/".join(names) and not raw_path.endswith("/")
    return f"/{quote(folder)}/" if is_elsewhere and folder != found else None


def part_of(wanted: str, size: int) -> range | None:
    """Return which of *size* bytes a Range header asks for, none where it is past them.

    None where it asks for several parts, or for nothing that is known: that gets all.
    """
    found = _RANGE.fullmatch(wanted.strip())
    if found is None or not (found["first"] or found["last"]):
        return None
    if not found["first"]:
        return range(max(0, size - int(found["last"])), size)
    last = min(int(found["last"]), size - 1) if found["last"] else size - 1
    return range(int(found["first"]), last + 1)


def content_type(path: str) -> str:
    """Return the media type of a file by its name."""
    return _TYPES.get(path.rpartition(".")[2].lower(), _OTHER)


def with_reload(html: bytes, token: str) -> bytes:
    """Return the page with a script that loads it again when its files change."""
    script = (_SCRIPT % (CHANGES, token)).encode()
    ends = list(_END_OF_BODY.finditer(html))
    at = ends[-1].start() if ends else len(html)
    return html[:at] + script + html[at:]
