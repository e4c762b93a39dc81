"""HTTP for people and their programs: commands in, read models out; accounts.

Belongs here: REST, signing in, the read models behind it, and the page. Does not belong
here: what a command does (the agent decides), the log, WebSockets.
"""
