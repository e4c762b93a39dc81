import { describe, expect, test } from "vitest";

import { foldAll } from "../src/project/fold";
import { History } from "../src/project/history";
import { INITIAL, textOf } from "../src/project/state";
import {
  chunk,
  conflict,
  created,
  deleted,
  fileEnd,
  fileStart,
  history as recorded,
  phaseEnd,
  phaseStart,
  posted,
  runStarted,
  state,
} from "./messages";

/** A history of some hundred events, with every kind of change in it. */
const LONG = recorded(
  created("a board"),
  runStarted("a board"),
  state("designing", { currentPhase: 0 }),
  ...Array.from({ length: 60 }, (_, at) => [
    phaseStart(at, "a.ts", `b${at}.ts`),
    state("implementing", { currentPhase: at }),
    fileStart("a.ts"),
    chunk("a.ts", "half"),
    fileEnd("a.ts", `a ${at}`),
    posted(`message ${at}`),
    fileEnd(`b${at}.ts`, "b"),
    phaseEnd(at, "a.ts"),
  ]).flat(),
  state("complete"),
  fileEnd("a.ts", "by hand", "user"),
  conflict("a.ts", "by the agent"),
  deleted("a.ts"),
);

const EVENTS = LONG.filter((message) => "seq" in message);

function given(): History {
  const history = new History();
  for (const message of LONG) history.add(message);
  return history;
}

describe("the state at a moment", () => {
  test("is what a fold of the events up to it gives, wherever one goes", () => {
    const history = given();
    const visits = [0, 1, 5, EVENTS.length, 200, 64, 63, 65, 128, 129, 3, EVENTS.length - 1];
    for (const seq of visits) {
      const direct = foldAll({ ...INITIAL, known: true }, EVENTS.slice(0, seq));
      expect(history.at(seq)).toEqual(direct);
    }
  });

  test("holds nothing that is only progress", () => {
    const files = given().at(5 + 2).files;
    expect([...files.values()].every((file) => file.draft === null)).toBe(true);
  });

  test("beyond the ends is the end", () => {
    const history = given();
    expect(history.at(1e9).lastSeq).toBe(history.length);
    expect(history.at(-1).lastSeq).toBe(0);
  });

  test("grows with the history", () => {
    const history = given();
    history.at(history.length);
    const next = { ...fileEnd("c.ts", "c"), seq: history.length + 1 };
    history.add(next as (typeof EVENTS)[number]);
    const file = history.at(history.length).files.get("c.ts");
    expect(file === undefined ? null : textOf(file)).toBe("c");
  });
});

test("what comes twice or too early is not taken in", () => {
  const history = given();
  const { length } = history;
  history.add(EVENTS[3] as (typeof EVENTS)[number]);
  history.add({ ...posted("x"), seq: length + 2 } as (typeof EVENTS)[number]);
  expect(history.length).toBe(length);
});

test("the versions of a file are those that were recorded, with who wrote them", () => {
  const versions = given().versions("a.ts");
  expect(versions).toHaveLength(63);
  expect(versions[0]).toMatchObject({ content: "a 0", by: "agent", what: "written" });
  expect(versions.slice(-3)).toMatchObject([
    { seq: EVENTS.length - 2, content: "by hand", by: "person", what: "written" },
    { seq: EVENTS.length - 1, content: "by the agent", by: "agent", what: "not taken" },
    { seq: EVENTS.length, content: "", by: "person", what: "deleted" },
  ]);
});
