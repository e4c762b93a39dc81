"""Serving a plain page as it is: which file, of which type, and how it reloads."""

import re
from urllib.parse import unquote

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
    "pdf": "application/pdf",
    "png": "image/png",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
    "wasm": "application/wasm",
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


def content_type(path: str) -> str:
    """Return the media type of a file by its name."""
    return _TYPES.get(path.rpartition(".")[2].lower(), _OTHER)


def with_reload(html: bytes, token: str) -> bytes:
    """Return the page with a script that loads it again when its files change."""
    script = (_SCRIPT % (CHANGES, token)).encode()
    ends = list(_END_OF_BODY.finditer(html))
    at = ends[-1].start() if ends else len(html)
    return html[:at] + script + html[at:]
