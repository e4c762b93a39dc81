import { describe, expect, test } from "vitest";

import { MAX_BYTES, MAX_PICTURES, withFiles } from "../src/pictures";

const file = (size: number, type = "image/png") =>
  new File([new Uint8Array(size).fill(65)], "a.png", { type });

describe("pictures for a message", () => {
  test("are read as base64", async () => {
    const { pictures } = await withFiles([], [file(3)]);
    expect(pictures[0]).toMatchObject({ image: { mediaType: "image/png", data: "QUFB" }, size: 3 });
  });

  test("of other kinds are left out, and that is said", async () => {
    const taken = await withFiles([], [file(3, "image/svg+xml"), file(3)]);
    expect([taken.pictures.length, taken.problem]).toEqual([1, expect.stringContaining("PNG")]);
  });

  test("are never more than a message may have", async () => {
    const many = Array.from({ length: MAX_PICTURES + 1 }, () => file(1));
    const taken = await withFiles([], many);
    expect([taken.pictures.length, taken.problem]).toEqual([
      MAX_PICTURES,
      expect.stringContaining("10"),
    ]);
  });

  test("are never larger together than a message may be", async () => {
    const first = await withFiles([], [file(MAX_BYTES - 1)]);
    const taken = await withFiles(first.pictures, [file(2)]);
    expect([taken.pictures.length, taken.problem]).toEqual([1, expect.stringContaining("5 MB")]);
  });
});
