"""Where a worker may be struck: all failpoints of the code."""

FAILPOINTS = [
    "driver.after_lease",
    "driver.before_append",
    "driver.after_append",
    "driver.before_call",
    "driver.mid_stream",
    "driver.after_file",
    "driver.before_sandbox",
    "driver.after_sandbox",
]


CORE_FAILPOINTS = [
    "append.before_commit",
    "append.after_commit",
    "relay.before_publish",
    "relay.after_publish",
    "relay.after_ack",
]
"""Of the event core; struck in the middle of the run, after its first commands."""


ERASE_FAILPOINTS = ["erase.before_commit", "erase.after_commit"]
