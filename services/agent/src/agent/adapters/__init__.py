"""The world behind the ports: the language model, the sandbox service.

Belongs here: protocols, time limits, retries, translation of foreign errors. Does not
belong here: any decision about a project.
"""
