"""Pushes events to browsers and takes their messages in; stores nothing.

Belongs here: sockets, and which message each of them still has to see. Does not belong
here: what a command does, or anything that must survive a restart.
"""
