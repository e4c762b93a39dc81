"""Postgres, argon2 and the agent on the bus, behind the api's ports.

Foreign errors end here: what leaves an adapter is an error of ``eventcore.errors``.
"""
