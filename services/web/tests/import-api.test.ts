import { afterEach, describe, expect, test, vi } from "vitest";

import { importName, importProject, type Source } from "../src/server/import-api";

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

/** As much of a browser's request as an upload needs; it answers as soon as all is sent. */
class Asked extends EventTarget {
  static answer = { status: 200, type: "application/json", text: "" };
  static said: unknown[] = [];
  readonly upload = new EventTarget();
  readonly setRequestHeader = (...header: string[]) => Asked.said.push(header.join(": "));
  readonly open = (...line: string[]) => Asked.said.push(line.join(" "));
  readonly getResponseHeader = (name: string) =>
    name === "content-type" ? Asked.answer.type : null;
  get status() {
    return Asked.answer.status;
  }
  get responseText() {
    return Asked.answer.text;
  }
  send(body: unknown) {
    Asked.said.push(body);
    this.upload.dispatchEvent(new ProgressEvent("progress", { loaded: 1, total: 2 }));
    this.dispatchEvent(new Event("load"));
  }
}

describe("an import", () => {
  const ask = vi.fn<(path: string, init: RequestInit) => Promise<Response>>();
  const said = () => ask.mock.calls.map(([path, { method }]) => `${method} ${path}`);
  const onSent = vi.fn<(share: number) => void>();
  const following = { signal: new AbortController().signal, onSent };

  const answering = (...bodies: unknown[]) => {
    ask.mockReset();
    for (const body of bodies) ask.mockResolvedValueOnce(Response.json(body));
    vi.stubGlobal("fetch", ask);
    vi.stubGlobal("XMLHttpRequest", Asked);
    Asked.said = [];
  };

  afterEach(() => vi.unstubAllGlobals());

  test("sends a zip as it is, and tells how far it is", async () => {
    const taken = { files: 2, leftOut: [] };
    answering({ id: "p" });
    Asked.answer = { status: 200, type: "application/json", text: JSON.stringify(taken) };
    const source = zip("a.zip");
    expect(await importProject(source, following)).toEqual({ project: { id: "p" }, ...taken });
    expect(Asked.said).toContain("POST /api/projects/p/import/zip");
    expect(Asked.said).toContain("content-type: application/zip");
    expect(Asked.said.at(-1)).toBeInstanceOf(File);
    expect(onSent).toHaveBeenCalledWith(0.5);
  });

  test("that is refused leaves no project behind, and says why", async () => {
    answering({ id: "p" }, true);
    Asked.answer = { status: 422, type: "text/plain", text: "It is no zip" };
    await expect(importProject(zip("a.zip"), following)).rejects.toThrow("It is no zip");
    expect(said().at(-1)).toBe("DELETE /api/projects/p");
  });

  test("that somebody ends at once takes nothing in", async () => {
    answering({ id: "p" }, true);
    const ended = { signal: AbortSignal.abort(), onSent };
    await expect(importProject(git("https://a/b"), ended)).rejects.toThrow();
    expect(said()).toEqual(["POST /api/projects", "DELETE /api/projects/p"]);
  });
});
