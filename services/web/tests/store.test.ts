import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { ProjectStore } from "../src/project/store";
import { created, history, posted } from "./messages";

class Line extends EventTarget {
  static readonly OPEN = 1;
  static readonly all: Line[] = [];
  readyState = Line.OPEN;

  constructor(readonly url: string) {
    super();
    Line.all.push(this);
  }

  send(): void {}

  close(): void {}

  say(...messages: object[]): void {
    for (const message of messages) {
      this.dispatchEvent(new MessageEvent("message", { data: JSON.stringify(message) }));
    }
  }
}

let frames: FrameRequestCallback[];
let store: ProjectStore;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("WebSocket", Line);
  frames = [];
  vi.stubGlobal("requestAnimationFrame", (frame: FrameRequestCallback) => frames.push(frame));
  vi.stubGlobal("cancelAnimationFrame", () => undefined);
  Line.all.length = 0;
  store = new ProjectStore("p", "http://atelier.test");
  store.open();
});

afterEach(() => {
  store.close();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const HELLO = { type: "agent_connected", data: { projectId: "p" } };
const line = () => Line.all.at(-1) as Line;

test("many messages are one change of the screen", () => {
  line().say(HELLO);
  let changes = 0;
  store.subscribe(() => {
    changes += 1;
  });
  line().say(...history(created("a"), posted("one"), posted("two")));
  expect(changes).toBe(0);
  frames.at(-1)?.(0);
  expect(changes).toBe(1);
  expect(store.snapshot().project.lastSeq).toBe(3);
});

test("a tab without frames is kept up to date", () => {
  line().say(HELLO, ...history(created("a")));
  vi.advanceTimersByTime(250);
  expect(store.snapshot().project.lastSeq).toBe(1);
});

test("a gap leads to a new connection from the last message that is whole", () => {
  const [first, , third] = history(created("a"), posted("one"), posted("two"));
  line().say(HELLO, first as object, third as object);
  store.flush();
  expect(store.snapshot().status.kind).toBe("waiting");
  vi.advanceTimersByTime(500);
  expect(line().url).toContain("after=1");
});
