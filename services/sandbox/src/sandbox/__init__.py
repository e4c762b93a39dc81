"""Runs generated apps and serves their previews.

Here belongs what touches the folder, the processes and the preview of a project. What
the project *is* (its files, its runs, its owner) is the agent's: this service asks for
it over the bus and keeps nothing that it could not get again.
"""
