import { afterEach, expect, test, vi } from "vitest";

import { deleteFile, saveFile, uploadFile } from "../src/server/files-api";

const ask = vi.fn<(path: string, init: RequestInit) => Promise<Response>>();

const answering = (...bodies: unknown[]) => {
  ask.mockReset();
  for (const body of bodies) ask.mockResolvedValueOnce(Response.json(body));
  vi.stubGlobal("fetch", ask);
};

const said = (call: number) => {
  const [path, { method, headers, body }] = ask.mock.calls[call] as [string, RequestInit];
  return { path, method, headers, body: typeof body === "string" ? JSON.parse(body) : undefined };
};

afterEach(() => vi.unstubAllGlobals());

test("a file is saved only where it still is what was changed", async () => {
  answering({});
  await saveFile("p", "a.ts", "new", "console.log(1);\n");
  expect(said(0).headers).toMatchObject({
    "if-match": '"b603d946eb2b396ca4ecf65c223daff659dbe6f1cfeac235b7c61d3ba6964cae"',
  });
});

test("a new file never replaces one", async () => {
  answering({});
  await saveFile("p", "a.ts", "new", null);
  expect(said(0).headers).toMatchObject({ "if-none-match": "*" });
});

test("what is deleted is what was there when somebody asked", async () => {
  answering([{ id: "1", path: "b.ts", sha256: "0" }, { id: "2", path: "a.ts", sha256: "f" }], true);
  await deleteFile("p", "a.ts");
  expect(said(1)).toMatchObject({
    path: "/api/project-files/p/2",
    method: "DELETE",
    headers: { "if-match": '"f"' },
  });
});

test("a file that is gone already is not deleted again", async () => {
  answering([]);
  await deleteFile("p", "a.ts");
  expect(ask).toHaveBeenCalledTimes(1);
});

test("a file of a disk is sent as it is, and never replaces one", async () => {
  answering({});
  const file = new Blob([new Uint8Array([0, 255, 10])]);
  await uploadFile("p", "public/a b&c.png", file);
  expect(said(0)).toMatchObject({
    path: "/api/projects/p/assets?path=public%2Fa%20b%26c.png",
    headers: { "content-type": "application/octet-stream", "if-none-match": "*" },
  });
  expect(ask.mock.calls[0]?.[1].body).toBe(file);
});
