"""Searches for input that breaks a promise: `python -m tests.fuzz [SECONDS [name...]]`.

Runs in an environment of its own, which has atheris (`make fuzz`). What is found is
written under `.cache/fuzz-corpus`; copied to `finds`, its name begun with that of the
target, it is a test from then on.
"""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
LEARNED = Path(".cache/fuzz-corpus")
TARGETS = ("answers", "writing", "patches", "paths")


def main(arguments: list[str]) -> int:
    """Search for each target in a process of its own; return an exit status."""
    seconds, *names = arguments or ["60"]
    return max([_search(name, seconds) for name in names or TARGETS])


def _search(name: str, seconds: str) -> int:
    """Search for one target and tell how it went."""
    learned = LEARNED / name
    learned.mkdir(parents=True, exist_ok=True)
    options = [
        f"-max_total_time={seconds}",
        f"-artifact_prefix={LEARNED}/{name}-",
        f"-dict={HERE / 'words.dict'}",
        "-max_len=4096",
        "-timeout=10",
        "-rss_limit_mb=1024",
    ]
    module = [sys.executable, "-m", "tests.fuzz.search", name]
    ended = subprocess.run(
        [*module, str(learned), str(HERE / "finds"), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    lines = ended.stdout.splitlines()
    if ended.returncode:
        sys.stdout.write("\n".join([f"{name}: a promise is broken", *lines[-40:], ""]))
    else:
        done = [line for line in lines if line.startswith("Done ")]
        sys.stdout.write(f"{name}: {' '.join(done) or 'done'}\n")
    sys.stdout.flush()
    return ended.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
