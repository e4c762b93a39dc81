"""What deploy/ comes to, for all tests of this folder."""

import shutil
from pathlib import Path

import pytest

from tests.integration.deploy.tools import DEPLOY, kustomize, make_secrets

OVERLAYS = ("production", "trial")
WITH_PODS = "production-with-pods"


@pytest.fixture(scope="package")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return what each overlay comes to, with secrets made as a person would."""
    folder = tmp_path_factory.mktemp("kubernetes")
    shutil.copytree(DEPLOY, folder / "deploy")
    files = {}
    overlays = folder / "deploy" / "kubernetes" / "overlays"
    shutil.copytree(overlays / "production", overlays / WITH_PODS)
    adapted = overlays / WITH_PODS / "kustomization.yaml"
    text = adapted.read_text(encoding="utf-8")
    assert "# components: [" in text
    adapted.write_text(text.replace("# components: [", "components: ["))
    for name in (*OVERLAYS, WITH_PODS):
        overlay = overlays / name
        make_secrets(overlay / "secrets")
        files[name] = folder / f"{name}.yaml"
        files[name].write_text(kustomize(overlay), encoding="utf-8")
    return files
