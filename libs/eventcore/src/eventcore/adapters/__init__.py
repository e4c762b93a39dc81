"""Postgres, NATS JetStream and memory behind the ports.

Foreign errors end here: what leaves an adapter is an error of ``eventcore.errors``.
"""
