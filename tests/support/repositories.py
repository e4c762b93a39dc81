"""Repositories of git, over HTTPS from this machine with a certificate of our own."""

import ssl
import stat
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from dulwich.objects import Blob, Commit, ObjectID, Tree
from dulwich.refs import Ref
from dulwich.repo import MemoryRepo
from dulwich.server import BackendRepo, DictBackend
from dulwich.web import make_wsgi_chain

from tests.support.certificates import make_certificate

FILE, LINK, FOLDER, OTHER = 0o100644, stat.S_IFLNK, stat.S_IFDIR, 0o160000


class Hosted:
    """A repository that is served below the url of its host."""

    def __init__(self) -> None:
        self.repo = MemoryRepo()
        self.repo.refs.set_symbolic_ref(Ref(b"HEAD"), Ref(b"refs/heads/main"))

    def blob(self, data: bytes) -> ObjectID:
        """Store a file; return its id."""
        blob = Blob.from_string(data)
        self.repo.object_store.add_object(blob)
        return blob.id

    def tree(self, entries: Mapping[str, tuple[int, ObjectID]]) -> ObjectID:
        """Store a folder; return its id."""
        tree = Tree()
        for name, (mode, id_) in entries.items():
            tree.add(name.encode(), mode, id_)
        self.repo.object_store.add_object(tree)
        return tree.id

    def commit(self, tree: ObjectID, branch: str = "main") -> None:
        """Let a branch begin, or go on, with this folder."""
        commit = Commit()
        commit.tree = tree
        name = Ref(f"refs/heads/{branch}".encode())
        commit.parents = [self.repo.refs[name]] if name in self.repo.refs else []
        commit.author = commit.committer = b"Ada <ada@example.org>"
        commit.author_time = commit.commit_time = 1_700_000_000
        commit.author_timezone = commit.commit_timezone = 0
        commit.message = b"Work"
        self.repo.object_store.add_object(commit)
        self.repo.refs[name] = commit.id


class Host:
    """Serves repositories by the first word of their path."""

    def __init__(self, url: str, repositories: dict[str, BackendRepo]) -> None:
        self.url = url
        self.said: dict[str, bytes] = {}
        """What is said instead, by path, whether it is git or not."""
        self._repositories = repositories

    def new(self, name: str) -> Hosted:
        """Serve an empty repository as ``/name.git``."""
        hosted = Hosted()
        # It has no packs, and is never asked for one.
        self._repositories[f"/{name}.git"] = hosted.repo  # type: ignore[assignment]
        return hosted


class _Silent(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def hosting(folder: Path) -> Iterator[Host]:
    """Lend a host; ``ca.pem`` in *folder* is what its visitors have to trust."""
    make_certificate(folder / "ca.pem", folder / "key.pem")
    repositories: dict[str, BackendRepo] = {}
    host = Host("", repositories)
    git = make_wsgi_chain(DictBackend(repositories))

    def application(environ: dict[str, Any], start: Any) -> Any:  # noqa: ANN401 - WSGI
        said = host.said.get(environ["PATH_INFO"])
        if said is None:
            return git(environ, start)
        start("200 OK", [("Content-Type", "application/octet-stream")])
        return [said]

    server = make_server("127.0.0.1", 0, application, handler_class=_Silent)
    host.url = f"https://localhost:{server.server_port}"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca.pem", folder / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield host
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
