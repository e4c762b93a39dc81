"""Documents for readers outside Python, generated from the messages.

Belongs here: JSON Schema, AsyncAPI and TypeScript as text. Does not belong here: a
definition of a message; whoever changes one runs ``python -m contracts`` afterwards.
"""

from contracts.documents.asyncapi import asyncapi
from contracts.documents.schema import json_schema
from contracts.documents.typescript import typescript

__all__ = ["asyncapi", "json_schema", "typescript"]
