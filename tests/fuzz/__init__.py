"""Coverage-guided search for input that breaks a promise: `make fuzz`.

`targets` says what is promised, `__main__` searches, `finds` holds what was found.
"""
