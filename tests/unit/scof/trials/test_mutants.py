"""Parsers that are wrong in a known way: the tests have to catch every one.

Most are slips that a parser of another project made.
"""

import pytest

from tests.unit.scof.trials.mutation import first_failure, mutated, source

TESTS = ["test_answers", "test_parser", "test_limits", "test_writer"]

MUTANTS = {
    "the marker may be indented": (
        "machine.body",
        "text.find(self.marker_line, at) + 1",
        "max(text.find(x, at) for x in (self.marker_line, ' ' + self._marker)) + 1",
    ),
    "a partial line closes": (
        "grammar.markers",
        "if is_partial else NO_MARKER",
        "if 0 else stop",
    ),
    "a line that begins with the marker closes": (
        "grammar.markers",
        "if blanks.strip(BLANKS):",
        "if False:",
    ),
    "no blanks may follow the marker": (
        "grammar.markers",
        "if blanks.strip(BLANKS):",
        "if blanks:",
    ),
    "the marker is a pattern": (
        "grammar.markers",
        "text.startswith(marker, start)",
        "__import__('re').compile(marker).match(text, start)",
    ),
    "the final line feed is dropped": (
        "machine.body",
        'content = "".join(self.pieces)\n        self._inspect',
        'content = "".join(self.pieces)[:-1]\n        self._inspect',
    ),
    "blank lines are dropped": (
        "machine.body",
        "piece = text[start : stop - excess]",
        "piece = text[start : stop - excess].replace('\\n\\n', '\\n')",
    ),
    "trailing blanks are dropped": (
        "machine.body",
        "piece = text[start : stop - excess]",
        "piece = text[start : stop - excess].rstrip(' ')",
    ),
    "carriage returns are dropped": (
        "machine.body",
        "piece = text[start : stop - excess]",
        "piece = text[start : stop - excess].replace('\\r', '')",
    ),
    "nothing is held back": (
        "machine.body",
        "self.is_free = not stop or not self._marker.startswith(rest)",
        "self.is_free = True",
    ),
    "what is held back is lost": (
        "parser",
        "self._hand_over(self._held + text, events)",
        "self._hand_over(text, events)",
    ),
    "what is held back is lost at the end": (
        "machine.body",
        "elif self._release(held, 0, len(held), events):",
        "elif False:",
    ),
    "the last line without line feed is no marker": (
        "machine.body",
        "if is_marker_line(held, self._marker):",
        "if False:",
    ),
    "an open file is complete at the end": (
        "machine.body",
        "events.append(FileTruncated(self.path, content))",
        "events.append(FileClosed(self.path, content))",
    ),
    "an open file is forgotten at the end": (
        "machine.body",
        "events.append(FileTruncated(self.path, content))",
        "pass",
    ),
    "the fast way forgets where a line begins": (
        "parser",
        "and (self._is_free or text[0] != self._initial)",
        "",
    ),
    "the fast way forgets the marker": (
        "parser",
        "if self._initial not in text or self._marker_line not in text:",
        "if True:",
    ),
    "the fast way forgets the last line": (
        "parser",
        "if last == len(text) or text[last] != self._initial:",
        "if True:",
    ),
    "the fast way always ends within a line": (
        "parser",
        "self._is_free = last < len(text)",
        "self._is_free = True",
    ),
    "the fast way forgets half a surrogate pair": (
        "parser",
        "            self._settle()\n\n    def _join",
        "            pass\n\n    def _join",
    ),
    "the fast way forgets the limits": (
        "parser",
        "self._credit = credit\n                self._keep",
        "pass\n                self._keep",
    ),
    "the fast way takes other alphabets as they are": (
        "parser",
        "and text.isascii()",
        "",
    ),
    "surrogate pairs are not joined": (
        "parser",
        "self._high, text = text[-1], text[:-1]",
        "pass",
    ),
    "lone surrogates pass": ("parser", 'self._read("\\ufffd", events)', "pass"),
    "tabs are kept": (
        "machine.body",
        'while text.startswith("\\t", start):',
        "while False:",
    ),
    "tabs are dropped everywhere": (
        "machine.body",
        "if self.strips_tabs:\n            return",
        "if True:\n            return",
    ),
    "a refused body is prose": (
        "machine.outside",
        "        if not markers:",
        "        if True:",
    ),
    "a refused body is searched for commands": (
        "machine.skipping",
        "if not self._is_certain and",
        "if",
    ),
    "a doubtful body eats the next file": (
        "machine.skipping",
        "if not self._is_certain and self._opens_block(line):",
        "if False:",
    ),
    "commands are found in the middle of a line": (
        "grammar.commands",
        "prompt = _PROMPT.match(text)",
        "prompt = __import__('re').compile(r'.*?(?=cat )()').match(text)",
    ),
    "prose waits for its line": (
        "grammar.commands",
        "return None if name in _PREFIXES else False",
        "return None",
    ),
    "a command is not held back": (
        "grammar.commands",
        "return None if name in _PREFIXES else False",
        "return False",
    ),
    "the path is taken verbatim": (
        "grammar.blocks",
        "return safe_path(path)",
        "return path",
    ),
    "appending writes": ("grammar.blocks", 'if operator == ">>":', "if False:"),
    "an option is the path": (
        "grammar.blocks",
        'if not option.startswith("-"):',
        "if True:",
    ),
    "a patch is a file": (
        "grammar.blocks",
        'sink.name == "patch", marker',
        "False, marker",
    ),
    "the last install command needs its line feed": (
        "machine.outside",
        "        if is_half or _needs_body(reading):",
        "        if True:",
    ),
    "half a command opens a file": (
        "machine.outside",
        "        if is_half or _needs_body(reading):",
        "        if False:",
    ),
    "repeated install commands count": (
        "machine.answer",
        "argv not in self._commands",
        "True",
    ),
    "continued lines are lines of their own": (
        "machine.outside",
        "        if _continues(self._lines[-1]):",
        "        if False:",
    ),
    "a stray backslash eats the next file": (
        "machine.outside",
        "for first in range(max(1, count - _MAX_RETRIES), count):",
        "for first in ():",
    ),
    "lines are not counted in bodies": (
        "machine.body",
        'self._answer.line += content.count("\\n")',
        "pass",
    ),
    "the marker is always EOF": ("writer", "if marker in body:", "if False:"),
    "a content always ends in a line feed": (
        "writer",
        'if not content or content.endswith("\\n"):',
        "if True:",
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_parser_that_is_wrong_in_this_way_is_caught(name: str) -> None:
    module, right, wrong = MUTANTS[name]
    text = source(f"scof.{module}")
    assert text.count(right) == 1
    with mutated(module, text.replace(right, wrong)):
        assert first_failure(TESTS) is not None


def test_a_parser_that_was_only_copied_is_not_caught() -> None:
    with mutated("machine.body", source("scof.machine.body")):
        assert first_failure(TESTS) is None
