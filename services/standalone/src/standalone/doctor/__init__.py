"""`atelier doctor`: what is wrong with an installation, in sentences.

A check looks and tells; it repairs nothing, and what it cannot find out it says.
"""
