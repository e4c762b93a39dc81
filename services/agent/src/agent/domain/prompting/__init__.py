"""What the language model is told, and how its answers are read.

Nothing here decides: decisions stand beside this folder and never import from it what
they could be told in arguments.
"""
