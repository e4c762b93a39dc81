"""A Prometheus that watches an installation of `make run` with the files of deploy/."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from typing_extensions import override

from standalone.ports import free_port
from standalone.program import Program
from tests.support.servers import Server, server_folder

OBSERVABILITY = Path(__file__).resolve().parents[2] / "deploy" / "observability"


def program(name: str) -> str:
    """Return a program of Debian's package `prometheus`; skip where it is not."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"no {name}: install Debian's package `prometheus`")
    return found


def configuration(targets: Path) -> str:
    """Return ours, as its first lines say for a machine without containers."""
    config = yaml.safe_load((OBSERVABILITY / "prometheus.yaml").read_text())
    found = [{"files": [str(targets)]}]
    config["scrape_configs"] = [{"job_name": "atelier", "file_sd_configs": found}]
    config["global"] = {"scrape_interval": "250ms", "evaluation_interval": "250ms"}
    config["rule_files"] = [str(OBSERVABILITY / name) for name in config["rule_files"]]
    return yaml.safe_dump(config)


class Prometheus(Server):
    """One that looks four times a second."""

    def __init__(self, folder: Path, targets: Path) -> None:
        file = folder / "prometheus.yaml"
        file.write_text(configuration(targets))
        self.port = free_port()
        argv = (
            program("prometheus"),
            f"--config.file={file}",
            f"--storage.tsdb.path={folder / 'series'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
        )
        super().__init__(Program(name="prometheus", argv=argv, cwd=folder), folder)

    @override
    def is_ready(self) -> bool:
        try:
            return self._get("/-/ready").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the series that an expression comes to now."""
        answer = self._get("/api/v1/query", query=expression)
        assert answer.status_code == httpx.codes.OK, answer.text
        return list(answer.json()["data"]["result"])

    def rules(self) -> list[dict[str, Any]]:
        """Return the alerts, as they were evaluated last."""
        groups = self._get("/api/v1/rules").json()["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]

    def _get(self, path: str, **query: str) -> httpx.Response:
        url = f"http://127.0.0.1:{self.port}{path}"
        return httpx.get(url, params=query, timeout=10, trust_env=False)


@contextmanager
def prometheus(targets: Path) -> Iterator[Prometheus]:
    """Lend one that has begun to watch."""
    with server_folder() as folder, Prometheus(folder, targets) as started:
        yield started
