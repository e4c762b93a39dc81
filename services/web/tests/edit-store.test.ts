import { beforeEach, expect, test, vi } from "vitest";

import { EditStore, type SaveFile, forgetEdits, hasKeptEdits } from "../src/project/edit-store";

const save = vi.fn<SaveFile>();

beforeEach(() => {
  localStorage.clear();
  save.mockReset();
});

const store = () => new EditStore("p", localStorage, save);

test("what was typed survives a reload", () => {
  const first = store();
  first.type("src/a b.ts", "old", "mine");
  first.keep();
  expect(store().snapshot().get("src/a b.ts")).toMatchObject({ base: "old", text: "mine" });
});

test("what was saved or discarded does not come back", () => {
  const first = store();
  first.type("a.ts", "old", "mine");
  first.keep();
  first.discard("a.ts");
  first.keep();
  expect(store().snapshot().size).toBe(0);
});

test("another page's edits are left alone", () => {
  const other = store();
  store().type("a.ts", "old", "mine");
  const mine = store();
  mine.type("a.ts", "old", "mine");
  mine.keep();
  other.type("b.ts", "old", "theirs");
  other.keep();
  expect([...store().snapshot().keys()].toSorted()).toEqual(["a.ts", "b.ts"]);
});

test("what cannot be read is no edit", () => {
  localStorage.setItem("atelier.edit.p.a.ts", "{");
  localStorage.setItem("atelier.edit.p.b.ts", '{"text": 1, "base": null}');
  expect(store().snapshot().size).toBe(0);
});

test("saving sends the text once", async () => {
  save.mockResolvedValue(true);
  const edits = store();
  edits.type("a.ts", "old", "mine");
  await Promise.all([edits.save("a.ts"), edits.save("a.ts")]);
  expect(save.mock.calls).toEqual([["a.ts", "mine", "old"]]);
});

test("what the server has taken in is what the next text is a change of", async () => {
  save.mockResolvedValue(true);
  const edits = store();
  edits.type("a.ts", "old", "mine");
  await edits.save("a.ts");
  edits.type("a.ts", "old", "mine too");
  await edits.save("a.ts");
  expect(save.mock.lastCall).toEqual(["a.ts", "mine too", "mine"]);
});

test("a refusal is told with the edit", async () => {
  save.mockRejectedValue(new Error("A file may have at most 1 MiB of text"));
  const edits = store();
  edits.type("a.ts", "old", "mine");
  await edits.save("a.ts");
  expect(edits.snapshot().get("a.ts")?.problem).toContain("1 MiB");
});

test("nothing of it stays for the next person", () => {
  const edits = store();
  edits.type("a.ts", "old", "mine");
  edits.keep();
  expect(hasKeptEdits(localStorage)).toBe(true);
  forgetEdits(localStorage);
  expect(hasKeptEdits(localStorage)).toBe(false);
});

test("a browser without room keeps the edits on the page", () => {
  const full = { ...localStorage, length: 0, key: () => null, setItem: () => { throw new Error("full"); } };
  const edits = new EditStore("p", full as unknown as Storage, save);
  edits.type("a.ts", "old", "mine");
  edits.keep();
  expect(edits.snapshot().get("a.ts")?.text).toBe("mine");
});
