import { describe, expect, test } from "vitest";

import { MAX_MATCHES, searchFiles, type SearchOptions } from "../src/project/search";

const PLAIN: SearchOptions = { caseSensitive: false, wholeWord: false, regularExpression: false };
const find = (text: string, query: string, options: Partial<SearchOptions> = {}) =>
  searchFiles([["a.ts", text]], query, { ...PLAIN, ...options });
const places = (text: string, query: string, options: Partial<SearchOptions> = {}) =>
  find(text, query, options).matches.map(({ line, column }) => [line, column]);

describe("where something is found", () => {
  test("lines and columns count from 1", () => {
    expect(places("one\ntwo one", "one")).toEqual([
      [1, 1],
      [2, 5],
    ]);
  });

  test("case matters when it is asked for", () => {
    expect(places("Card card", "card", { caseSensitive: true })).toEqual([[1, 6]]);
  });

  test("whole words are bounded by anything that is no letter, digit or _", () => {
    expect(places("card cards _card über card", "card", { wholeWord: true })).toEqual([
      [1, 1],
      [1, 23],
    ]);
  });

  test("signs of expressions are plain text unless asked for", () => {
    expect(places("a.b axb", "a.b")).toEqual([[1, 1]]);
    expect(places("a.b axb", "a.b", { regularExpression: true })).toHaveLength(2);
  });

  test("an expression that fits nothing at all finds nothing", () => {
    expect(places("abc", "x*", { regularExpression: true })).toEqual([]);
  });

  test("no query finds nothing", () => {
    expect(find("abc", "").matches).toEqual([]);
  });
});

describe("what is shown of a line", () => {
  test.each([
    ["    const card = 1", "card"],
    [`${"x".repeat(300)} card ${"y".repeat(300)}`, "card"],
    ["card", "card"],
    ["   card", "  c"],
  ])("the match is in it: %j", (text, query) => {
    const [match] = find(text, query).matches;
    expect(match?.text.slice(match.shownAt).startsWith(query.trimStart())).toBe(true);
    expect(match?.text.length).toBeLessThan(220);
  });
});

describe("limits", () => {
  test("what is wrong with an expression is said", () => {
    expect(find("a", "(", { regularExpression: true }).problem).toContain("regular expression");
  });

  test("more than can be shown is told", () => {
    const found = find("a ".repeat(MAX_MATCHES + 1), "a");
    expect([found.matches.length, found.more]).toEqual([MAX_MATCHES, true]);
  });

  test("an expression that takes too long is given up", () => {
    let now = 0;
    const slow = () => (now += 1_000);
    const text = "a\n".repeat(200);
    const found = searchFiles([["a", text]], "a", { ...PLAIN, regularExpression: true }, slow);
    expect(found.problem).toContain("too long");
  });
});
