"""Errors of the database: which pass by themselves, and which are bugs."""

import asyncpg
import pytest

from eventcore.adapters.database import translated
from eventcore.errors import Unavailable


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.CannotConnectNowError("it starts"),
        asyncpg.ReadOnlySQLTransactionError("a copy that is no primary yet"),
        ConnectionRefusedError(),
    ],
)
def test_what_a_failover_brings_is_waited_for(error: Exception) -> None:
    with pytest.raises(Unavailable), translated():
        raise error


def test_a_statement_that_is_wrong_stays_wrong() -> None:
    with pytest.raises(asyncpg.UndefinedTableError), translated():
        raise asyncpg.UndefinedTableError("no such table")
