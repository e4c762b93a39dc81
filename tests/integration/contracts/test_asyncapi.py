"""The generated document is AsyncAPI 3 in the eyes of its makers."""

import json
from pathlib import Path

import jsonschema

from tests.support import npm

ROOT = Path(__file__).resolve().parents[3]


def test_the_document_fits_the_official_schema() -> None:
    schemas = npm.installed() / "node_modules" / "@asyncapi" / "specs" / "schemas"
    schema = json.loads((schemas / "3.0.0-without-$id.json").read_text())
    document = json.loads((ROOT / "docs/contracts/asyncapi.json").read_text())
    jsonschema.Draft7Validator(schema).validate(document)
