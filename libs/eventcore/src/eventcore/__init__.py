"""Event sourcing: decide, append, relay, follow, fold.

Belongs here: what every service needs that stores events or follows them, as ports and
their adapters. Does not belong here: what the events of Atelier mean.
"""
