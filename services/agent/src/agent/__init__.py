"""The agent: owns the log of every project and turns prompts into apps.

Belongs here: deciding about commands, answering about projects, driving runs. Does not
belong here: how an app is run (the sandbox service), who a person is (the api), how a
browser is told (the gateway).
"""
