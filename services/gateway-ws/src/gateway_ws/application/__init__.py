"""Bus messages to the connections that asked for them, and questions back.

Belongs here: who watches which project and what they still have to see. Does not
belong here: sockets, and the bus itself.
"""
