"""Sandboxes as pods of a cluster. Nothing here knows another runtime's machine."""
