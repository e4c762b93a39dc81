"""Keeping an installation: all of it in one file, and back from there.

Only the database and the keys are kept. Everything else is made again from the log:
streams of NATS, folders of apps, what is built.
"""
