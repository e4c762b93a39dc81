"""Answers to measure with: TSX, CSS and JSON as models write them, made by rule."""

from collections.abc import Callable
from random import Random


def _words(text: str) -> list[str]:
    return text.split()


NAMES = _words(
    "items user order invoice message filter panel sidebar toolbar editor canvas card"
    " settings profile search result total status theme session project version"
)
CLASSES = _words(
    "flex grid items-center justify-between gap-2 gap-4 p-2 p-4 px-6 rounded-lg shadow"
    " text-sm text-gray-500 font-medium bg-white border-b hover:bg-gray-50 w-full"
)
PROPERTIES = {
    "display": "flex grid block none",
    "padding": "0 8px 12px|16px 1rem|2rem",
    "color": "#1f2937 var(--muted) rgb(15|23|42)",
    "border-radius": "4px 8px 9999px",
    "transition": "opacity|150ms|ease-in-out transform|0.2s",
    "grid-template-columns": "1fr|auto repeat(3,|minmax(0,|1fr))",
    "box-shadow": "0|1px|2px|rgb(0|0|0|/|0.05)",
}


def _random(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - the same text each time, and no secret


def _component(random: Random) -> str:
    name, other, field = random.sample(NAMES, 3)
    title, kind = name.title(), other.title()
    least = random.randint(0, 9)
    classes = [" ".join(random.sample(CLASSES, 4)) for _ in range(3)]
    return f"""
interface {title}Props {{
  {other}: {kind}[]
  on{kind}Change: (next: {kind}[]) => void
}}

export function {title}View({{ {other}, on{kind}Change }}: {title}Props) {{
  const [{field}, set{field.title()}] = useState<string | null>(null)
  const visible = useMemo(
    () => {other}.filter((entry) => entry.id !== {field} &&
      entry.count > {least}),
    [{other}, {field}],
  )

  useEffect(() => {{
    // Keep the selection while the list is loading.
    if (visible.length === 0) set{field.title()}(null)
  }}, [visible])

  return (
    <section className="{classes[0]}">
      <h2 className="{classes[1]}">{title} ({{visible.length}})</h2>
      {{visible.map((entry) => (
        <button
          key={{entry.id}}
          className="{classes[2]}"
          onClick={{() => set{field.title()}(entry.id)}}
        >
          <span>{{entry.label ?? `No ${{entry.kind}} yet`}}</span>
        </button>
      ))}}
    </section>
  )
}}
"""


def _rule(random: Random) -> str:
    name = "-".join(random.sample(NAMES, 2))
    lines = [
        f"  {key}: {random.choice(values.split()).replace('|', ' ')};\n"
        for key, values in random.sample(sorted(PROPERTIES.items()), 4)
    ]
    return f".{name}:hover > .{random.choice(NAMES)} {{\n{''.join(lines)}}}\n\n"


def _record(random: Random) -> str:
    return f"""    {{
      "id": "{random.getrandbits(48):012x}",
      "name": "{" ".join(random.sample(NAMES, 3))}",
      "price": {random.randint(1, 99999) / 100},
      "tags": ["{random.choice(NAMES)}", "{random.choice(NAMES)}"],
      "active": {random.choice(["true", "false"])}
    }},
"""


def _grown(make: Callable[[Random], str], random: Random, size: int, head: str) -> str:
    text = [head]
    length = 0
    while length < size:
        text.append(make(random))
        length += len(text[-1])
    return "".join(text)


def tsx(size: int, seed: int = 0) -> str:
    """Return the text of a TSX file of about *size* characters."""
    head = 'import { useEffect, useMemo, useState } from "react"\n'
    return _grown(_component, _random(seed), size, head)


def css(size: int, seed: int = 0) -> str:
    """Return the text of a style sheet of about *size* characters."""
    return _grown(_rule, _random(seed), size, ":root {\n  --muted: #6b7280;\n}\n\n")


def json(size: int, seed: int = 0) -> str:
    """Return the text of a JSON file of about *size* characters."""
    return (
        _grown(_record, _random(seed), size, '{\n  "records": [\n') + "    {}\n  ]\n}\n"
    )


def block(path: str, content: str) -> str:
    """Return one file as a model writes it."""
    return f"cat > {path} << 'EOF'\n{content}EOF\n\n"


def answer(files: int = 200, size: int = 26_000) -> str:
    """Return an answer of many files: three fifths TSX, one CSS and one JSON."""
    makers = [(tsx, "tsx"), (tsx, "tsx"), (tsx, "tsx"), (css, "css"), (json, "json")]
    blocks = []
    for number in range(files):
        make, ending = makers[number % len(makers)]
        path = f"src/components/part-{number}.{ending}"
        blocks.append(block(path, make(size, seed=number)))
    return "Here are the files.\n\n" + "".join(blocks)
