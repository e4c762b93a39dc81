import { expect, test } from "vitest";

import { piecesOf } from "../src/ansi";

const ESC = "\u001b";
const text = (line: string) =>
  piecesOf(line)
    .map((piece) => piece.text)
    .join("");

test("plain text is one piece", () => {
  expect(piecesOf("ready in 312 ms")).toEqual([
    { text: "ready in 312 ms", color: null, bold: false },
  ]);
});

test("colours and bold last until they are reset", () => {
  expect(piecesOf(`${ESC}[1;32mVITE${ESC}[0m on`)).toEqual([
    { text: "VITE", color: "green", bold: true },
    { text: " on", color: null, bold: false },
  ]);
});

test("bright colours are the basic ones", () => {
  expect(piecesOf(`${ESC}[91mno`)[0]?.color).toBe("red");
});

test("colours of other palettes are skipped with their parameters", () => {
  expect(piecesOf(`${ESC}[38;5;31mx${ESC}[38;2;31;32;33my`).map((piece) => piece.color)).toEqual([
    null,
    null,
  ]);
});

test("other sequences and control characters are dropped", () => {
  expect(text(`${ESC}[2K${ESC}[1Ga${ESC}]0;title\u0007b\u0008c${ESC}`)).toBe("abc");
});

test("what looks like HTML stays text", () => {
  expect(text("<img src=x onerror=alert(1)>")).toBe("<img src=x onerror=alert(1)>");
});
