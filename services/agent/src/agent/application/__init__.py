"""What the agent does: answer commands and questions, drive runs.

Belongs here: the order of steps around the domain, against ports. Does not belong here:
rules (the domain), and anything that knows HTTP, SQL or NATS (adapters, entrypoints).
"""
