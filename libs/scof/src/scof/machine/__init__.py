"""Who reads what comes next: prose and commands, bodies, bodies that are skipped.

The states of one answer and the ways between them. What a line says is the grammar's
business, what a piece of the stream is the parser's.
"""
