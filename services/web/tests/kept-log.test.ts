import { beforeEach, expect, test } from "vitest";

import { forgetLogs, keepLog, keptLog, MAX_KEPT } from "../src/project/kept-log";
import type { LogLine } from "../src/project/state";

const line = (id: number, text: string): LogLine => ({ id, stream: "stdout", text, seq: 3 });

beforeEach(() => {
  sessionStorage.clear();
});

test("the log of a project is there when the page is loaded again", () => {
  keepLog("p", [line(1, "one"), line(2, "two")]);
  expect(keptLog("p")).toEqual([line(1, "one"), line(2, "two")]);
  expect(keptLog("q")).toEqual([]);
});

test("of a long log the end is kept", () => {
  const half = "x".repeat(MAX_KEPT / 2);
  keepLog("p", [line(1, half), line(2, half), line(3, half)]);
  expect(keptLog("p").map(({ id }) => id)).toEqual([2, 3]);
});

test("what is no log is none", () => {
  sessionStorage.setItem("atelier.log.p", '[{"id": "1"}, null]');
  expect(keptLog("p")).toEqual([]);
  sessionStorage.setItem("atelier.log.p", "{");
  expect(keptLog("p")).toEqual([]);
});

test("whoever signs out leaves no log behind", () => {
  keepLog("p", [line(1, "one")]);
  sessionStorage.setItem("other", "1");
  forgetLogs();
  expect(keptLog("p")).toEqual([]);
  expect(sessionStorage.getItem("other")).toBe("1");
});
