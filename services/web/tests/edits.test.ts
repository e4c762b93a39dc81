import { describe, expect, test } from "vitest";

import {
  type Edit,
  editState,
  NO_EDITS,
  notSaved,
  rebased,
  saved,
  saving,
  settled,
  typed,
} from "../src/project/edits";
import type { FileEntry } from "../src/project/state";

const files = (recorded: string): ReadonlyMap<string, FileEntry> =>
  new Map([["a.ts", { path: "a.ts", recorded, draft: null, binary: false, seq: 1 }]]);
const of = (edits: ReadonlyMap<string, Edit>) => edits.get("a.ts") as Edit;

const TYPED = typed(NO_EDITS, "a.ts", "old", "mine");
const SENT = saving(TYPED, "a.ts");

describe("typing", () => {
  test("a change remembers what it is a change of", () => {
    expect(of(TYPED)).toMatchObject({ base: "old", text: "mine" });
    expect(editState(of(TYPED), "old")).toBe("changed");
  });

  test("going back to what is recorded is no change", () => {
    expect(typed(TYPED, "a.ts", "old", "old").size).toBe(0);
  });

  test("typing on keeps what the first change was made to", () => {
    expect(of(typed(TYPED, "a.ts", "theirs", "mine 2")).base).toBe("old");
  });

  test("an empty new file is a change", () => {
    expect(of(typed(NO_EDITS, "a.ts", null, "")).text).toBe("");
  });
});

describe("saving", () => {
  test("until the server answers it is being saved", () => {
    expect(editState(of(SENT), "old")).toBe("saving");
  });

  test("after the answer and before the event nothing is left to save", () => {
    expect(editState(of(saved(SENT, "a.ts")), "old")).toBe("saved");
  });

  test("the event ends the edit, also when it comes before the answer", () => {
    expect(settled(SENT, files("mine")).size).toBe(0);
    expect(saved(settled(SENT, files("mine")), "a.ts").size).toBe(0);
  });

  test("what is typed meanwhile is a change of what was saved", () => {
    const on = typed(SENT, "a.ts", "old", "mine too");
    const after = settled(saved(on, "a.ts"), files("mine"));
    expect(of(after)).toMatchObject({ base: "mine", text: "mine too" });
    expect(editState(of(after), "mine")).toBe("changed");
  });

  test("a refusal keeps the text and says why", () => {
    const refused = notSaved(SENT, "a.ts", "Too large.");
    expect(of(refused)).toMatchObject({ text: "mine", problem: "Too large." });
    expect(editState(of(refused), "old")).toBe("changed");
  });
});

describe("a file that was changed twice", () => {
  test("is in conflict until somebody has decided", () => {
    expect(editState(of(TYPED), "theirs")).toBe("conflict");
    expect(editState(of(rebased(TYPED, "a.ts", "theirs")), "theirs")).toBe("changed");
  });

  test("is none where both are the same", () => {
    expect(settled(TYPED, files("mine")).size).toBe(0);
  });

  test("is one as well where a new file was made elsewhere", () => {
    expect(editState(of(typed(NO_EDITS, "a.ts", null, "mine")), "theirs")).toBe("conflict");
  });
});

test("nothing that arrives for other files touches the edits", () => {
  expect(settled(TYPED, new Map())).toBe(TYPED);
});
