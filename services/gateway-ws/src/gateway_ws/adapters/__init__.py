"""The other services behind the ports of the gateway, over NATS.

Errors of the bus end here: what leaves an adapter is an error of ``ports``.
"""
