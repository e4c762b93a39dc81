"""A small template: `a` needs `c`, `b` needs an older `c` that lies in its folder."""

import json

from sandbox.domain.apps.template import Template


def lock(**packages: dict[str, object]) -> str:
    """Return the text of a package-lock.json; `__` in a name stands for a slash."""
    found = {
        f"node_modules/{name.replace('__', '/')}": {"integrity": "sha512-x", **package}
        for name, package in packages.items()
    }
    return json.dumps({"lockfileVersion": 3, "packages": {"": {}, **found}})


PACKAGE = json.dumps({"scripts": {"dev": "x"}, "dependencies": {"a": "1.0.0"}})
TEMPLATE = Template(
    "small",
    "small-1",
    PACKAGE,
    lock(
        a={"version": "1.0.0", "dependencies": {"c": "^2.0.0"}},
        b={"version": "3.1.0", "dependencies": {"c": "^1.0.0"}},
        b__node_modules__c={"version": "1.5.0"},
        c={"version": "2.4.0"},
        d={"version": "1.0.0", "peerDependencies": {"a": "1"}},
        e={"version": "1.0.0", "optional": True},
    ),
)
