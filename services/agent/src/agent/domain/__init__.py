"""Rules of a project and of its runs. Pure: no await, no clock, no ids, no log.

Belongs here: what can be said by looking at a project's state. Does not belong here:
anything that waits, fails for an outside reason, or differs when asked twice.
"""
