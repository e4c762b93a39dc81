"""A model that needs no key: OpenRouter's protocol, answered from built-in apps.

It is a process of its own and goes through the same code of the agent as a real model.
Here belong the protocol, the reading of the agent's prompts and the apps in `apps/`;
nothing here generates anything, and nothing knows projects, events or files on disk.
"""
