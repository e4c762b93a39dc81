import { expect, test } from "vitest";

import { rowsOf } from "../src/project/tree";

const drawn = (paths: string[], closed: string[] = []) =>
  rowsOf(paths, new Set(closed)).map((row) => "  ".repeat(row.level - 1) + row.name);

test("folders come first, then files, each by name and number", () => {
  expect(drawn(["b.ts", "src/f10.ts", "src/f9.ts", "a.ts", "lib/x/y.ts"])).toEqual([
    "lib",
    "  x",
    "    y.ts",
    "src",
    "  f9.ts",
    "  f10.ts",
    "a.ts",
    "b.ts",
  ]);
});

test("a closed folder hides what is in it", () => {
  expect(drawn(["src/a.ts", "src/b/c.ts", "d.ts"], ["src"])).toEqual(["src", "d.ts"]);
});

test("a row knows its whole path", () => {
  expect(rowsOf(["src/a.ts"], new Set()).map((row) => row.path)).toEqual(["src", "src/a.ts"]);
});
