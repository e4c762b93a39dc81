import { expect, test } from "vitest";

import type { ServerMessage } from "../src/contract";
import { foldAll } from "../src/project/fold";
import { INITIAL } from "../src/project/state";
import { type Draft, isTaken } from "../src/views/workspace/composer";
import { created, history, posted, refused, runStarted } from "./messages";

const before = foldAll(INITIAL, history(created("a board")));
const sent: Draft = {
  text: "darker ",
  purpose: "message",
  pictures: [],
  sent: { accepted: 0, refused: 0, connections: 0 },
};
const after = (message: object) => foldAll(before, [{ seq: 2, ...message } as ServerMessage]);

test("what was not sent is not taken", () => {
  expect(isTaken({ text: "darker", purpose: "message", pictures: [] }, after(posted("darker")))).toBe(false);
});

test("what was sent is taken once it is in the conversation", () => {
  expect(isTaken(sent, before)).toBe(false);
  expect(isTaken(sent, after(posted("darker")))).toBe(true);
});

test("a prompt is taken once its run has started", () => {
  expect(isTaken({ ...sent, purpose: "prompt" }, after(runStarted("darker")))).toBe(true);
});

test("a message from another tab does not take it", () => {
  expect(isTaken(sent, after(posted("lighter")))).toBe(false);
});

test("a refusal does not take it", () => {
  expect(isTaken(sent, foldAll(before, [refused("rate_limited") as ServerMessage]))).toBe(false);
});
