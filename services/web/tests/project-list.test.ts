import { describe, expect, test } from "vitest";

import { chosen, EVERYTHING, pictureOf } from "../src/project/project-list";
import type { Project } from "../src/server/api";
import { browserOf } from "../src/views/account";

const project = (name: string, more: Partial<Project> = {}): Project => ({
  id: name,
  name,
  description: "",
  status: "idle",
  previewUrl: null,
  sandboxId: null,
  userId: "u",
  createdAt: "2026-01-01T00:00:00Z",
  updatedAt: "2026-01-01T00:00:00Z",
  ...more,
});
const PROJECTS = [
  project("Board 10", { status: "complete", createdAt: "2026-01-03T00:00:00Z" }),
  project("board 2", { status: "designing", updatedAt: "2026-01-05T00:00:00Z" }),
  project("Timer", { status: "error", description: "a board of clocks" }),
];
const names = (choice: object) =>
  chosen(PROJECTS, { ...EVERYTHING, ...choice }).map(({ name }) => name);

describe("projects", () => {
  test("are found by every word, in the name or the description", () => {
    expect(names({ query: " BOARD clocks" })).toEqual(["Timer"]);
    expect(names({ query: "nothing" })).toEqual([]);
  });

  test("have a picture once there is an app, and look for another after a run", () => {
    const app = { previewUrl: "http://x.preview.localhost/" };
    const done = { ...app, status: "complete" };
    const later = { ...done, updatedAt: "2026-01-02T00:00:00Z" };
    expect(pictureOf(project("a"))).toBe(null);
    expect(pictureOf(project("a", { ...app, status: "start" }))).toBe("/api/projects/a/screenshot");
    expect(pictureOf(project("a", done))).not.toBe(pictureOf(project("a", later)));
  });

  test("are sorted by name as people count", () => {
    expect(names({ sort: "name" })).toEqual(["board 2", "Board 10", "Timer"]);
  });

  test("are sorted by when they were changed or made", () => {
    expect(names({ sort: "changed" })[0]).toBe("board 2");
    expect(names({ sort: "created" })[0]).toBe("Board 10");
  });

  test.each([
    ["running", "board 2"],
    ["ready", "Board 10"],
    ["failed", "Timer"],
  ])("those that are %s", (status, name) => {
    expect(names({ status })).toEqual([name]);
  });
});

test.each([
  ["Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0 Safari/537.36", "Chrome on Linux"],
  ["Mozilla/5.0 (Macintosh; Intel Mac OS X 15) Version/18 Safari/605", "Safari on macOS"],
  ["", "A program"],
])("the browser %j is called %s", (userAgent, name) => {
  expect(browserOf(userAgent)).toBe(name);
});
