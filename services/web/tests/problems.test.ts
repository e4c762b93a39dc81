import { describe, expect, test } from "vitest";

import { foldAll } from "../src/project/fold";
import { problemsInLog, problemsOf } from "../src/project/problems";
import { type FileEntry, INITIAL, type LogLine } from "../src/project/state";
import { created, fileEnd, history, log, problems } from "./messages";

const FILES: ReadonlyMap<string, FileEntry> = new Map(
  ["src/App.tsx", "main.py", "server.js", "src/a b.ts"].map((path) => [
    path,
    { path, recorded: "", draft: null, binary: false, seq: 5 },
  ]),
);
const lines = (text: string, seq = 9): LogLine[] =>
  text.split("\n").map((line, id) => ({ id, stream: "stderr", text: line, seq }));
const found = (text: string, seq?: number) =>
  problemsInLog(lines(text, seq), FILES, 3).map(({ path, line, column, message }) => ({
    at: path === null ? null : `${path}:${line}:${column}`,
    message,
  }));

describe("what compilers and servers say", () => {
  test.each([
    [
      "src/App.tsx(12,5): error TS2304: Cannot find name 'x'.",
      "src/App.tsx:12:5",
      "TS2304: Cannot find name 'x'.",
    ],
    [
      "\u001b[96msrc/App.tsx\u001b[0m:\u001b[93m12\u001b[0m:\u001b[93m5\u001b[0m - \u001b[91merror\u001b[0m TS2304: Cannot find name 'x'.",
      "src/App.tsx:12:5",
      "TS2304: Cannot find name 'x'.",
    ],
    [
      "7:13:38 PM [vite] Internal server error: /app/src/App.tsx: Unexpected token (12:4)",
      "src/App.tsx:12:5",
      "Unexpected token",
    ],
    [
      '[vite] Internal server error: Failed to resolve import "./gone"\n  Plugin: vite:import-analysis\n  File: /work/app/src/App.tsx:3:21',
      "src/App.tsx:3:21",
      'Failed to resolve import "./gone"',
    ],
    [
      '✘ [ERROR] Expected ";" but found "x"\n\n    src/App.tsx:7:2:\n      7 │ x',
      "src/App.tsx:7:2",
      'Expected ";" but found "x"',
    ],
    [
      "7:48:00 PM [vite] Internal server error: Transform failed with 1 error:\n\n[PARSE_ERROR] Unexpected token\n    ╭─[ src/App.tsx:65:21 ]\n 65 │ x\n  Plugin: vite:oxc\n  File: /app/src/App.tsx\n      at transformWithOxc (file:///app/node_modules/vite/dist/node/chunks/node.js:7673:19)",
      "src/App.tsx:65:21",
      "Unexpected token",
    ],
    [
      "TypeError: Cannot read properties of undefined (reading 'x')\n    at run (/app/server.js:4:9)\n    at node:internal/main:1:1",
      "server.js:4:9",
      "TypeError: Cannot read properties of undefined (reading 'x')",
    ],
    [
      'Traceback (most recent call last):\n  File "/usr/lib/python3/x.py", line 9, in y\n  File "/app/main.py", line 3, in <module>\n    y()\nNameError: name \'y\' is not defined',
      "main.py:3:null",
      "NameError: name 'y' is not defined",
    ],
    ["Error: listen EADDRINUSE: address already in use", null, "Error: listen EADDRINUSE: address already in use"],
    ["npm error 404 Not Found - GET left-padd", null, "404 Not Found - GET left-padd"],
  ])("%j", (text, at, message) => {
    expect(found(text)).toEqual([{ at, message }]);
  });

  test.each([
    "  VITE v8.0.0  ready in 300 ms",
    "  ➜  Local:   http://localhost:5173/",
    "7:13:38 PM [vite] (client) hmr update /src/App.tsx",
    "added 41 packages in 2s",
    "0 errors",
    "GET /src/App.tsx 200",
  ])("%j is no problem", (text) => {
    expect(found(text)).toEqual([]);
  });

  test("warnings are told as such", () => {
    const text = "src/App.tsx:1:2: warning: unused";
    expect(problemsInLog(lines(text), FILES, 0)[0]?.severity).toBe("warning");
  });
});

describe("what is over", () => {
  const text = "src/App.tsx(12,5): error TS2304: Cannot find name 'x'.";

  test("a problem of a file that was written since is left out", () => {
    expect(found(text, 4)).toEqual([]);
    expect(found(text, 5)).toHaveLength(1);
  });

  test("what had a place in such a file is no problem without a place", () => {
    expect(found("TypeError: no\n    at run (/app/src/App.tsx:4:9)", 4)).toEqual([]);
  });

  test("a problem without a file ends with the next run", () => {
    expect(found("Error: no", 2)).toEqual([]);
  });

  test("the same problem twice is one", () => {
    expect(found(`${text}\n${text}`)).toHaveLength(1);
  });
});

test("what the server reports comes first, and what the log says of it once more is left out", () => {
  const project = foldAll(
    INITIAL,
    history(
      created("a"),
      fileEnd("src/App.tsx", "x"),
      problems("no such name"),
      log("src/App.tsx(9,1): error TS1: other\n", "stderr"),
    ),
  );
  expect(problemsOf(project)).toMatchObject([
    { source: "compile", path: "src/App.tsx", line: 3 },
    { source: "log", path: "src/App.tsx", line: 9 },
  ]);
});

test("a flood of lines is read in time that grows with the lines alone", () => {
  const text = Array.from({ length: 5_000 }, () => "a/".repeat(900)).join("\n");
  expect(found(text)).toEqual([]);
});
