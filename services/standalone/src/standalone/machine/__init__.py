"""What this machine has and keeps: folders, ports, secrets, Node.js.

Here belongs what is found or prepared before a process starts. Starting does not.
"""
