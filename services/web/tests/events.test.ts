import { describe, expect, test } from "vitest";

import type { ServerMessage } from "../src/contract";
import { differenceOf, lineChanges } from "../src/project/difference";
import { lineOf, marksOf } from "../src/project/events";
import type { FileEntry } from "../src/project/state";
import { conflict, created, deleted, fileEnd, history, phaseStart, posted, state } from "./messages";

describe("an event in a line", () => {
  test.each([
    [created("a"), "person", "Created “Board”"],
    [posted("make  it\ndarker"), "person", "Said: make it darker"],
    [phaseStart(1, "a.ts"), "phase", "Phase 2: Board"],
    [fileEnd("a.ts", "x"), "file", "Wrote a.ts"],
    [fileEnd("a.ts", "x", "user"), "person", "Saved a.ts"],
    [deleted("a.ts"), "person", "Deleted a.ts"],
    [conflict("a.ts", "x"), "problem", "Kept a person's a.ts, not the agent's"],
    [state("designing"), "state", "Designing"],
    [{ type: "made_up_later", data: {} }, "state", "made up later"],
  ])("%j", (message, kind, text) => {
    expect(lineOf(message as ServerMessage)).toEqual({ kind, text });
  });

  test("long texts are cut between characters, not within", () => {
    const { text } = lineOf(posted("😀".repeat(200)) as ServerMessage);
    expect(text.endsWith("😀…")).toBe(true);
  });
});

describe("marks on the timeline", () => {
  const many = history(
    ...Array.from({ length: 500 }, (_, at) => (at === 250 ? posted("x") : fileEnd("a.ts", `${at}`))),
  );

  test("are never more than there is room for", () => {
    expect(marksOf(many, 100).length).toBeLessThanOrEqual(100);
  });

  test("show what a person did before anything that lies beside it", () => {
    const marks = marksOf(many, 10);
    expect(marks.filter(({ kind }) => kind === "person")).toHaveLength(1);
  });

  test("reach from the beginning to the end", () => {
    const marks = marksOf(many, 100);
    expect([marks.at(0)?.at, marks.at(-1)?.at]).toEqual([0, 1]);
  });
});

describe("the difference between two moments", () => {
  const files = (contents: Record<string, string>): ReadonlyMap<string, FileEntry> =>
    new Map(
      Object.entries(contents).map(([path, recorded]) => [
        path,
        { path, recorded, draft: null, binary: false, seq: 1 },
      ]),
    );

  test("names what was added, changed and removed", () => {
    const before = files({ "a.ts": "1\n", "b.ts": "1\n2\n", "c.ts": "1\n" });
    const after = files({ "a.ts": "1\n", "b.ts": "1\n3\n4\n", "d.ts": "1\n2" });
    expect(differenceOf(before, after)).toEqual([
      { path: "b.ts", change: "changed", added: 2, removed: 1 },
      { path: "c.ts", change: "removed", added: 0, removed: 1 },
      { path: "d.ts", change: "added", added: 2, removed: 0 },
    ]);
  });

  test("an empty file that is new is there", () => {
    expect(differenceOf(files({}), files({ "a.ts": "" }))).toMatchObject([{ change: "added" }]);
  });

  test("lines that only moved count as none", () => {
    expect(lineChanges("a\nb\n", "b\na\n")).toEqual({ added: 0, removed: 0 });
  });
});
