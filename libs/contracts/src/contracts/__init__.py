"""What crosses a service boundary: commands, events, messages and their subjects.

Belongs here: frozen msgspec structs, the subjects they travel on, how they are encoded.
Does not belong here: behaviour other than validation, I/O, anything one service keeps
to itself.
"""
