"""The command line's side of the conversation with a server, local or not.

Here belongs what a client of the public contract does: signing in, following a run,
showing it, fetching files. What starts or supervises processes does not.
"""
