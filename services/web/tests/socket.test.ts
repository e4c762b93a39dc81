import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import type { ServerMessage } from "../src/contract";
import { delayMs, ProjectSocket, type SocketStatus, socketUrl } from "../src/server/socket";

/** The other end of the line: what the browser's WebSocket does, driven by the test. */
class Line extends EventTarget {
  static readonly OPEN = 1;
  static readonly all: Line[] = [];
  readyState = Line.OPEN;
  readonly sent: string[] = [];

  constructor(readonly url: string) {
    super();
    Line.all.push(this);
  }

  send(text: string): void {
    this.sent.push(text);
  }

  close(): void {
    this.readyState = 3;
  }

  say(message: unknown): void {
    const data = typeof message === "string" ? message : JSON.stringify(message);
    this.dispatchEvent(new MessageEvent("message", { data }));
  }

  hangUp(code: number): void {
    this.readyState = 3;
    this.dispatchEvent(new CloseEvent("close", { code }));
  }
}

const line = () => Line.all.at(-1) as Line;
const HELLO = { type: "agent_connected", data: { projectId: "p" } };

let heard: ServerMessage[];
let statuses: SocketStatus[];
let seq: number;
let socket: ProjectSocket;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("WebSocket", Line);
  Line.all.length = 0;
  heard = [];
  statuses = [];
  seq = 0;
  socket = new ProjectSocket({
    url: (after) => `ws://atelier.test/ws/p?after=${after}`,
    after: () => seq,
    onMessage: (message) => heard.push(message),
    onStatus: (status) => statuses.push(status),
  });
  socket.connect();
});

afterEach(() => {
  socket.close();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const status = () => statuses.at(-1) as SocketStatus;

describe("connecting", () => {
  test("it starts with the whole history and asks where the run stands", () => {
    line().say(HELLO);
    expect(line().url).toContain("after=0");
    expect(line().sent).toEqual(['{"type":"get_state"}']);
    expect(status().kind).toBe("open");
  });

  test("nothing is said before the greeting", () => {
    expect(socket.send({ type: "stop_generation" })).toBe(false);
  });

  test("what is no message is ignored, absent data is an empty object", () => {
    line().say(HELLO);
    for (const rubbish of ["{", "null", "[]", '{"type":1}']) line().say(rubbish);
    line().say({ type: "deps_installed", seq: 1 });
    expect(heard.slice(1)).toEqual([{ type: "deps_installed", seq: 1, data: {} }]);
  });

  test("no greeting in time is a lost connection", () => {
    vi.advanceTimersByTime(10_000);
    expect(status().kind).toBe("waiting");
  });
});

describe("coming back", () => {
  test("it resumes after the last message that was applied", () => {
    line().say(HELLO);
    seq = 17;
    line().hangUp(1006);
    expect(status()).toMatchObject({ kind: "waiting", attempt: 1 });
    vi.advanceTimersByTime(500);
    expect(Line.all).toHaveLength(2);
    expect(line().url).toContain("after=17");
  });

  test("the waits grow while nobody answers", () => {
    for (let attempt = 1; attempt <= 4; attempt += 1) {
      line().hangUp(1006);
      expect(status()).toMatchObject({ kind: "waiting", attempt });
      vi.advanceTimersToNextTimer();
    }
  });

  test("a good connection makes the next loss a first one", () => {
    line().hangUp(1006);
    vi.advanceTimersByTime(500);
    line().say(HELLO);
    vi.advanceTimersByTime(11_000);
    line().hangUp(1012);
    expect(status()).toMatchObject({ kind: "waiting", attempt: 1 });
  });

  test("a person need not wait", () => {
    line().hangUp(1006);
    socket.retryNow();
    expect(Line.all).toHaveLength(2);
    expect(status()).toEqual({ kind: "connecting", attempt: 1 });
  });

  test("a connection that cannot be relied on is left", () => {
    line().say(HELLO);
    const old = line();
    socket.resume();
    vi.advanceTimersByTime(500);
    old.say({ type: "deps_installed", seq: 9 });
    expect(Line.all).toHaveLength(2);
    expect(heard.map((message) => message.type)).toEqual(["agent_connected"]);
  });

  test("silence is questioned, and without an answer the connection is lost", () => {
    line().say(HELLO);
    vi.advanceTimersByTime(30_000);
    expect(line().sent).toHaveLength(2);
    vi.advanceTimersByTime(10_000);
    expect(status().kind).toBe("waiting");
  });

  test("an answer to the question keeps the connection", () => {
    line().say(HELLO);
    vi.advanceTimersByTime(30_000);
    line().say({ type: "state_update", data: {} });
    vi.advanceTimersByTime(10_000);
    expect(status().kind).toBe("open");
  });
});

describe("the end", () => {
  test.each([
    [4001, "unauthorized"],
    [4003, "forbidden"],
  ])("close code %i is final", (code, reason) => {
    line().hangUp(code);
    vi.advanceTimersByTime(60_000);
    expect(status()).toEqual({ kind: "closed", reason });
    expect(Line.all).toHaveLength(1);
  });

  test("after leaving nothing is tried again", () => {
    socket.close();
    vi.advanceTimersByTime(60_000);
    expect(Line.all).toHaveLength(1);
  });
});

test("waits double up to a bound, with half of them left to chance", () => {
  expect([1, 2, 3, 20].map((attempt) => delayMs(attempt, 1))).toEqual([500, 1_000, 2_000, 15_000]);
  expect(delayMs(3, 0)).toBe(1_000);
});

test("the address follows the page's scheme, and an id cannot leave the path", () => {
  expect(socketUrl("https://a.test", "x/../y?z", 3)).toBe("wss://a.test/ws/x%2F..%2Fy%3Fz?after=3");
  expect(socketUrl("http://a.test:3000", "p", 0)).toBe("ws://a.test:3000/ws/p?after=0");
});
