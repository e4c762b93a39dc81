"""What every service process needs around its core: start, stop, logs, health, traces.

Here belongs what would be the same in any service of any product. Projects, events,
subjects and tables do not: a chassis that knows the domain is a domain in disguise.
"""
