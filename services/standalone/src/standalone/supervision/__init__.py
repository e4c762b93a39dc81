"""Keep processes running, show what they say, leave none behind.

Here belongs what would be the same for any set of processes. Which processes there are,
and what they are told, does not.
"""
