"""What a browser would load next: the modules of a page, and what they import.

Dev servers write imports as addresses of their own, so text patterns find them. One
that stands in a comment or a string as well costs a request too much, nothing else.
"""

import re
from urllib.parse import urljoin, urlsplit

_TAG = re.compile(r"<(script|link)\b([^>]*)>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""([a-zA-Z-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_INLINE = re.compile(
    r"""<script\b[^>]*type\s*=\s*["']module["'][^>]*>(.*?)</script>""",
    re.IGNORECASE | re.DOTALL,
)
_IMPORT = re.compile(
    r"""(?:\bfrom|\bimport)\s*["']((?:/|\./|\.\./)[^"'\s\\]{1,2000})["']"""
)
_ODD = re.compile(r"[^\x21-\x7e]")
_SOURCE_MAP = b"\n//# sourceMappingURL=data:"
_BUNDLES = "/node_modules/.vite/deps/"


def modules_of_page(html: str, path: str) -> list[str]:
    """Return the addresses of the modules and styles that a page loads at once."""
    found = []
    for tag, text in _TAG.findall(html):
        attributes = {
            name.lower(): quoted or single
            for name, quoted, single in _ATTRIBUTE.findall(text)
        }
        if tag.lower() == "script" and attributes.get("type") == "module":
            found.append(attributes.get("src", ""))
        elif tag.lower() == "link" and attributes.get("rel") == "stylesheet":
            found.append(attributes.get("href", ""))
    for text in _INLINE.findall(html):
        found += _IMPORT.findall(text)
    return _own(found, path)


def imports_of_module(text: str, path: str) -> list[str]:
    """Return the addresses of what a module imports before it runs."""
    return _own(_IMPORT.findall(text), path)


def is_bundle(path: str) -> bool:
    """Tell whether this is a bundle of packages: whole as soon as it is there."""
    return path.startswith(_BUNDLES)


def without_source_map(module: bytes) -> bytes:
    """Return *module* without the map of its source at its end, which is most of it."""
    before, mark, rest = module.rpartition(_SOURCE_MAP)
    return before if mark and b"\n" not in rest.strip() else module


def _own(addresses: list[str], path: str) -> list[str]:
    """Return those that lie on the same server, as paths."""
    found: dict[str, None] = {}
    for address in addresses:
        try:
            parts = urlsplit(urljoin(path, address))
        except ValueError:
            continue
        is_path = parts.path.startswith("/") and not parts.netloc
        if address and is_path and not _ODD.search(address):
            found[parts._replace(fragment="").geturl()] = None
    return list(found)
