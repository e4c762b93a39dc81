import { describe, expect, test } from "vitest";

import { type Command, fits, keysLabel, ranked, score } from "../src/commands";

const press = (key: string, more: object = {}) => ({
  key,
  code: "",
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  shiftKey: false,
  ...more,
});

describe("keys", () => {
  test.each([
    ["Mod+S", press("s", { ctrlKey: true })],
    ["Mod+S", press("s", { metaKey: true })],
    ["Mod+Shift+F", press("F", { ctrlKey: true, shiftKey: true })],
    ["Alt+1", press("¡", { altKey: true, code: "Digit1" })],
    ["Alt+T", press("†", { altKey: true, code: "KeyT" })],
    ["Alt+Enter", press("Enter", { altKey: true, code: "Enter" })],
    ["Mod+/", press("/", { ctrlKey: true })],
  ])("%s is pressed", (keys, event) => {
    expect(fits(keys, event)).toBe(true);
  });

  test.each([
    ["Mod+S", press("s")],
    ["Mod+S", press("s", { ctrlKey: true, shiftKey: true })],
    ["Mod+S", press("s", { ctrlKey: true, altKey: true })],
    ["Alt+1", press("1")],
    ["Alt+1", press("2", { altKey: true, code: "Digit2" })],
  ])("%s is not", (keys, event) => {
    expect(fits(keys, event)).toBe(false);
  });

  test("are written as on the keyboard", () => {
    expect(keysLabel("Mod+Shift+F", false)).toBe("Ctrl+Shift+F");
    expect(keysLabel("Mod+Shift+F", true)).toBe("⌘⇧F");
  });
});

describe("what fits", () => {
  const command = (title: string): Command => ({ id: title, title, group: "", run: () => undefined });
  const titles = (query: string, ...all: string[]) =>
    ranked(all.map(command), query).map(({ title }) => title);

  test("what contains the words comes before what has the letters only", () => {
    expect(titles("log", "Show the code again", "Show the log", "Leave or go")).toEqual([
      "Show the log",
      "Leave or go",
    ]);
  });

  test("beginnings of words count more than letters within", () => {
    expect(titles("sa", "src/App.tsx", "src/xssxa.ts")[0]).toBe("src/App.tsx");
  });

  test("nothing typed leaves everything as it is", () => {
    expect(titles("  ", "b", "a")).toEqual(["b", "a"]);
  });

  test("what does not fit is left out", () => {
    expect(score("xyz", "Show the log")).toBeNull();
  });
});
