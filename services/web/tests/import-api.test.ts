import { afterEach, describe, expect, test, vi } from "vitest";

import { importName, importProject, type Source } from "../src/import-api";

const zip = (name: string): Source => ({ kind: "zip", file: new File(["PK"], name) });
const git = (url: string): Source => ({ kind: "git", url, ref: null });

describe("the name of what is imported", () => {
  test.each([
    [zip("todo-list_app.zip"), "Todo list app"],
    [zip(".zip"), "Imported project"],
    [git("https://example.org/ada/todo.git"), "Todo"],
    [git("https://example.org/ada/todo/?x#y"), "Todo"],
    [git(""), "Imported project"],
    [zip(`${"🎈".repeat(300)}.zip`), "🎈".repeat(100)],
  ])("is taken from its source (%#)", (source, name) => {
    expect(importName(source)).toBe(name);
  });
});

describe("an import", () => {
  const ask = vi.fn<(path: string, init: RequestInit) => Promise<Response>>();
  const said = () => ask.mock.calls.map(([path, { method }]) => `${method} ${path}`);
  const refusal = () =>
    new Response("It is no zip", { status: 422, headers: { "content-type": "text/plain" } });
  const never = new AbortController().signal;

  const answering = (...answers: Response[]) => {
    ask.mockReset();
    for (const answer of answers) ask.mockResolvedValueOnce(answer);
    vi.stubGlobal("fetch", ask);
  };

  afterEach(() => vi.unstubAllGlobals());

  test("sends a zip as it is", async () => {
    const taken = { files: 2, leftOut: [] };
    answering(Response.json({ id: "p" }), Response.json(taken));
    const source = zip("a.zip");
    expect(await importProject(source, never)).toEqual({ project: { id: "p" }, ...taken });
    const [path, init] = ask.mock.calls[1] ?? [];
    expect(path).toBe("/api/projects/p/import/zip");
    expect(init?.headers).toMatchObject({ "content-type": "application/zip" });
    expect(init?.body).toBeInstanceOf(File);
  });

  test("that is refused leaves no project behind, and says why", async () => {
    answering(Response.json({ id: "p" }), refusal(), Response.json(true));
    await expect(importProject(zip("a.zip"), never)).rejects.toThrow("It is no zip");
    expect(said().at(-1)).toBe("DELETE /api/projects/p");
  });

  test("that somebody ends at once takes nothing in", async () => {
    answering(Response.json({ id: "p" }), Response.json(true));
    await expect(importProject(git("https://a/b"), AbortSignal.abort())).rejects.toThrow();
    expect(said()).toEqual(["POST /api/projects", "DELETE /api/projects/p"]);
  });
});
