"""Where requests come in: from bytes to one application call and back to bytes.

Belongs here: decoding, checking that an envelope fits its subject, the table from
errors to answers. Does not belong here: what the answer is.
"""
