"""What a browser would load next: the modules of a page, and what they import.

Dev servers write imports as addresses of their own, so text patterns find them. One
that stands in a comment or a string as well costs a request too much, nothing else.
"""

import posixpath
import re
from collections.abc import Mapping
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
_TYPES = re.compile(r"""\b(?:import|export)\s+type\b[^"';]{0,500}["'][^"']*["']""")
_PAGE = "index.html"
_EXPECTED = 100
_START_BYTES = 8192
"""Of a file; its imports stand there, and it may be anything else."""
_ENDINGS = ("", ".mjs", ".js", ".mts", ".ts", ".jsx", ".tsx", ".json")
"""What an import may leave out, in the order in which Vite tries it."""
_STYLE = ".css"
_MODULES = frozenset({*_ENDINGS[1:], _STYLE})


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


def expected_modules(files: Mapping[str, bytes]) -> list[str]:
    """Return where a dev server that got *files* has what the modules of its page load.

    This is for before it can be asked: it may load others, and some of these not.
    """
    waiting = modules_of_page(_source(files, _PAGE), "/")
    found = dict.fromkeys(waiting)
    of_page = len(found)
    while waiting and len(found) < _EXPECTED:
        address = waiting.pop(0)
        if address.endswith(_STYLE):
            continue  # comes as one module
        text = _TYPES.sub("", _source(files, address[1:]))
        for imported in imports_of_module(text, address):
            module = _resolved(imported[1:], files)
            if module is not None and module not in found:
                found[module] = None
                waiting.append(module)
    return list(found)[of_page:]


def _source(files: Mapping[str, bytes], path: str) -> str:
    return files.get(path, b"")[:_START_BYTES].decode(errors="replace")


def _resolved(path: str, files: Mapping[str, bytes]) -> str | None:
    for ending in (*_ENDINGS, *(f"/index{one}" for one in _ENDINGS[1:])):
        if f"{path}{ending}" in files:
            is_module = posixpath.splitext(f"{path}{ending}")[1] in _MODULES
            return f"/{path}{ending}" if is_module else None
    return None


def is_bundle(path: str) -> bool:
    """Tell whether this is a bundle of packages: whole as soon as it is there."""
    return path.startswith(_BUNDLES)


def is_lasting(target: str) -> bool:
    """Tell whether *target* names the content of a bundle: another one has another."""
    return is_bundle(target) and "?v=" in target


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
