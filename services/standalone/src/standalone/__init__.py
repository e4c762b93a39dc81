"""Start all of Atelier on one machine: servers, services, one door, a command line.

Here belongs what runs the other services as processes. What those services do does
not: nothing here imports a service, they are known by name and by their environment.
"""
