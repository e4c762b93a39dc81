import { afterEach, describe, expect, test, vi } from "vitest";

import { nameOf, safeNext } from "../src/pending";
import { appOf, frameOf, saysOpen } from "../src/project/preview";
import { api } from "../src/server/api";
import { refusal } from "../src/server/auth";

describe("the name of a project that was only described", () => {
  test.each([
    ["Build me a kanban board for a small team, with labels", "Kanban board for a small team"],
    ["please make a focus timer", "Focus timer"],
    ["An expense tracker. It has charts.", "Expense tracker"],
    ["I want to plan meals\nand shop for them", "To plan meals"],
    ["a", "A"],
    ["  \n ", "Untitled"],
    ["  \n a list of books", "List of books"],
    [
      "something where every member of my family can see the plan of the week and more",
      "Something where every member of my family can",
    ],
  ])("%j becomes %j", (prompt, name) => {
    expect(nameOf(prompt)).toBe(name);
  });

  test("it is never longer than the server takes", () => {
    expect(nameOf("x".repeat(20_000)).length).toBeLessThanOrEqual(200);
  });
});

describe("a frame that is there before the app", () => {
  test("shows the app at the root of the same origin", () => {
    expect(appOf("http://name.preview.localhost:3000/.atelier/opening")).toBe("http://name.preview.localhost:3000/");
    expect(appOf(null)).toBeNull();
    expect(appOf("no address")).toBeNull();
  });

  test("is believed when it says that the app comes, nobody else is", () => {
    const frame = {} as Window;
    const said = (data: unknown, source: Window) => ({ data, source }) as MessageEvent;
    expect(saysOpen(said("atelier:open", frame), frame)).toBe(true);
    expect(saysOpen(said("atelier:open", {} as Window), frame)).toBe(false);
    expect(saysOpen(said("anything", frame), frame)).toBe(false);
    expect(saysOpen(said("atelier:open", frame), null)).toBe(false);
  });
});

describe("where to go after signing in", () => {
  test.each(["/new", "/projects/p?start=true", "/"])("%s is a page of ours", (next) => {
    expect(safeNext(next)).toBe(next);
  });

  test.each([undefined, "", "//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)", "/\t/evil.example"])(
    "%s is not",
    (next) => {
      expect(safeNext(next)).toBe("/projects");
    },
  );
});

describe("the frame of the preview", () => {
  const origin = "http://localhost:3000";

  test("an app on its own origin has storage", () => {
    const frame = frameOf("http://x.preview.localhost:3000/", origin);
    expect(frame?.sandbox).toContain("allow-same-origin");
  });

  test("an app on our origin has none", () => {
    expect(frameOf("/projects", origin)?.sandbox).not.toContain("allow-same-origin");
  });

  test.each([null, "javascript:alert(1)", "data:text/html,x", "http://"])("%s is no app", (url) => {
    expect(frameOf(url, origin)).toBeNull();
  });
});

describe("failures are told in sentences", () => {
  afterEach(() => vi.unstubAllGlobals());

  const answer = (status: number, body: string, headers: Record<string, string> = {}) =>
    vi.stubGlobal("fetch", () =>
      Promise.resolve(
        new Response(body, { status, headers: { "content-type": "text/plain", ...headers } }),
      ),
    );

  test("the server's own sentence comes first", async () => {
    answer(404, "Project not found");
    await expect(api.project("p")).rejects.toMatchObject({
      status: 404,
      message: "Project not found",
    });
  });

  test("a page of HTML is not shown", async () => {
    answer(502, "<html>", { "content-type": "text/html" });
    await expect(api.projects()).rejects.toThrow("The server could not do this (502). Try again.");
  });

  test("a limit says how long to wait", async () => {
    answer(429, "Too many projects.", { "retry-after": "7" });
    await expect(api.projects()).rejects.toThrow("Too many projects. Try again in 7 s.");
  });

  test("no answer is no answer", async () => {
    vi.stubGlobal("fetch", () => Promise.reject(new TypeError("network")));
    await expect(api.projects()).rejects.toMatchObject({ status: 0 });
  });

  test("a refused sign-in does not say which part was wrong", () => {
    expect(refusal({ code: "INVALID_EMAIL_OR_PASSWORD", status: 401 })).toBe(
      "E-mail address and password do not match. Check both.",
    );
  });
});
