import { describe, expect, test } from "vitest";

import type { ServerMessage } from "../src/contract";
import { fold, foldAll } from "../src/project/fold";
import {
  currentPhase,
  INITIAL,
  isCaughtUp,
  MAX_LOG_LINES,
  type ProjectState,
  repairing,
  standingOf,
  textOf,
} from "../src/project/state";
import {
  chunk,
  conflict,
  connected,
  created,
  deleted,
  fileEnd,
  fileStart,
  history,
  log,
  phaseEnd,
  phaseStart,
  posted,
  problems,
  refused,
  replied,
  replyChunk,
  runStarted,
  state,
  stopped,
} from "./messages";

const given = (...messages: object[]) => foldAll(INITIAL, history(...messages));
const shown = (project: ProjectState, path: string) => {
  const file = project.files.get(path);
  return file === undefined ? null : textOf(file);
};
const lines = (project: ProjectState) =>
  project.entries.map((entry) => {
    if ("text" in entry) return entry.text;
    return entry.kind === "phase" ? entry.phase.name : entry.kind;
  });
const last = (messages: ServerMessage[]) => messages.at(-1) as ServerMessage;

const RUN = [
  created("a board"),
  runStarted("a board"),
  state("designing", { currentPhase: 0 }),
  phaseStart(0, "a.ts", "b.ts"),
  state("implementing", { currentPhase: 0, totalPhases: 1 }),
];

describe("recorded messages", () => {
  test("the same message twice changes nothing the second time", () => {
    const messages = history(created("a board"), posted("hello"));
    const once = foldAll(INITIAL, messages);
    expect(fold(once, last(messages))).toBe(once);
  });

  test("a gap is noticed and nothing after it is applied", () => {
    const messages = history(created("a board"), posted("one"), posted("two"), posted("three"));
    const project = foldAll(INITIAL, [messages[0], messages[2], messages[3]] as ServerMessage[]);
    expect(project.gap).toBe(true);
    expect(project.lastSeq).toBe(1);
    expect(lines(project)).toEqual(["a board"]);
  });

  test("a gap is closed by what was missing", () => {
    const messages = history(created("a board"), posted("one"), posted("two"));
    const broken = foldAll(INITIAL, [messages[0], messages[2]] as ServerMessage[]);
    const again = foldAll(broken, [connected() as ServerMessage, ...messages.slice(1)]);
    expect(again.gap).toBe(false);
    expect(lines(again)).toEqual(["a board", "one", "two"]);
  });

  test("an unknown type counts, so that what follows is no gap", () => {
    const project = given(created("a board"), { type: "made_up", data: {} }, posted("hello"));
    expect(project.lastSeq).toBe(3);
    expect(project.gap).toBe(false);
  });

  test("a reload in the middle of a file ends with the same view as having watched", () => {
    const before = history(connected(), ...RUN, fileStart("a.ts"), chunk("a.ts", "let a"));
    const after = [chunk("a.ts", " = 1"), { ...fileEnd("a.ts", "let a = 1"), seq: 6 }];
    const rest = after as ServerMessage[];
    const watched = foldAll(foldAll(INITIAL, before), rest);
    const replayed = history(connected(), ...RUN, fileStart("a.ts"), chunk("a.ts", "let a"));
    const reloaded = foldAll(INITIAL, [...replayed, ...rest]);
    expect(reloaded).toEqual(watched);
  });
});

describe("files", () => {
  test("the pieces of a file are shown as they come", () => {
    const project = given(...RUN, fileStart("a.ts"), chunk("a.ts", "let "), chunk("a.ts", "a"));
    expect(shown(project, "a.ts")).toBe("let a");
    expect(project.writing).toBe("a.ts");
  });

  test("a file that starts again is empty again", () => {
    const project = given(...RUN, fileStart("a.ts"), chunk("a.ts", "wrong"), fileStart("a.ts"));
    expect(shown(project, "a.ts")).toBe("");
  });

  test("the recorded content replaces what had arrived", () => {
    const project = given(...RUN, fileStart("a.ts"), chunk("a.ts", "x"), fileEnd("a.ts", "let a"));
    expect(shown(project, "a.ts")).toBe("let a");
    expect(project.writing).toBeNull();
  });

  test("a piece without its beginning is not shown", () => {
    expect(given(...RUN, chunk("a.ts", "half")).files.size).toBe(0);
  });

  test("a stopped rewrite leaves the file as it was recorded", () => {
    const written = [...RUN, fileEnd("a.ts", "old")];
    const project = given(...written, fileStart("a.ts"), chunk("a.ts", "ne"), stopped());
    expect(shown(project, "a.ts")).toBe("old");
  });

  test("a new file that was cut off by a stop is gone", () => {
    const project = given(...RUN, fileStart("a.ts"), chunk("a.ts", "ne"), stopped());
    expect(project.files.has("a.ts")).toBe(false);
  });

  test("a new connection makes the file that was arriving void", () => {
    const project = given(...RUN, fileStart("a.ts"), chunk("a.ts", "ne"), connected());
    expect(project.files.has("a.ts")).toBe(false);
    expect(project.writing).toBeNull();
  });

  test("a deleted file is gone", () => {
    const project = given(created("a"), fileEnd("a.ts", "x", "user"), deleted("a.ts"));
    expect([project.files.size, project.touched]).toEqual([0, null]);
    expect(lines(project)).toEqual(["a", "Saved a.ts", "Deleted a.ts"]);
  });

  test("what the agent wrote beside a person's version leaves that one", () => {
    const written = [...RUN, fileEnd("a.ts", "mine", "user")];
    const project = given(...written, fileStart("a.ts"), chunk("a.ts", "th"), conflict("a.ts", "theirs"));
    expect(shown(project, "a.ts")).toBe("mine");
    expect(lines(project).at(-1)).toBe("conflict");
  });

  test("a file that is no text has none", () => {
    const data = { path: "a.png", content: "iVBORw==", encoding: "base64", author: "user" };
    const project = given(created("a"), { type: "file_end", data });
    expect([shown(project, "a.png"), project.files.get("a.png")?.binary]).toEqual(["", true]);
  });

  test("a path like a property of objects is a path", () => {
    expect(shown(given(...RUN, fileEnd("__proto__", "x")), "__proto__")).toBe("x");
  });

  test("neighbouring pieces are joined, and pieces of other files stay apart", () => {
    const project = given(
      ...RUN,
      fileStart("a.ts"),
      chunk("a.ts", "1"),
      chunk("a.ts", "2"),
      fileStart("b.ts"),
      chunk("b.ts", "3"),
      chunk("a.ts", "4"),
    );
    expect([shown(project, "a.ts"), shown(project, "b.ts")]).toEqual(["124", "3"]);
  });
});

describe("phases", () => {
  test("a phase counts the files that are written", () => {
    const phase = currentPhase(given(...RUN, fileEnd("a.ts", "x"), fileEnd("a.ts", "y")));
    expect(phase?.written).toEqual(["a.ts"]);
    expect(phase?.ended).toBe(false);
  });

  test("a phase ends", () => {
    const project = given(...RUN, fileEnd("a.ts", "x"), phaseEnd(0, "a.ts"));
    expect(currentPhase(project)?.ended).toBe(true);
  });

  test("a file that a person saves is told, and is none of the phase", () => {
    const project = given(...RUN, stopped(), state("idle"), fileEnd("a.ts", "x", "user"));
    expect(lines(project).at(-1)).toBe("Saved a.ts");
    expect(currentPhase(project)?.written).toEqual([]);
  });

  test("saving again and again is one item", () => {
    const idle = [created("a"), fileEnd("a.ts", "1", "user"), fileEnd("a.ts", "2", "user")];
    expect(lines(given(...idle))).toEqual(["a", "Saved a.ts"]);
    expect(lines(given(...idle, fileEnd("b.ts", "1", "user")))).toEqual(["a", "Saved 2 files"]);
  });
});

describe("conversation", () => {
  test("the description is the first message, and its run does not repeat it", () => {
    expect(lines(given(created("a board"), runStarted("a board")))).toEqual(["a board"]);
  });

  test("an empty description is no message", () => {
    expect(given(created(" ")).entries).toEqual([]);
  });

  test("a message and the run that it starts are shown once", () => {
    const project = given(created("a board"), posted("darker"), runStarted("darker"));
    expect(lines(project)).toEqual(["a board", "darker"]);
    expect(project.prompt).toBe("darker");
  });

  test("a run with another prompt shows the prompt", () => {
    expect(lines(given(created("a board"), runStarted("a list")))).toEqual(["a board", "a list"]);
  });

  test("the same prompt after a failure is another try", () => {
    const failed = { type: "generation_error", data: { message: "No answer." } };
    const project = given(created("a"), runStarted("a"), failed, runStarted("a"));
    expect(lines(project)).toEqual(["a", "No answer.", "Started again"]);
  });

  test("an interruption is told when the run goes on, and not when it was a stop", () => {
    const ended = { type: "model_call_ended", data: { outcome: "interrupted" } };
    const next = { type: "model_call_started", data: {} };
    expect(lines(given(created("a"), ended, next)).at(-1)).toBe(
      "Taken up again after an interruption",
    );
    expect(lines(given(created("a"), ended, stopped(), next)).at(-1)).toContain("Stopped");
  });

  test("the end of a run is told in a sentence", () => {
    const end = { type: "generation_complete", data: { files: ["a.ts"], phases: 2 } };
    expect(lines(given(created("a"), end)).at(-1)).toBe("Finished: 1 file in 2 phases");
  });

  test("packages are named without the options", () => {
    const asked = { type: "packages_requested", data: { argv: ["npm", "i", "-D", "zod", "ky"] } };
    expect(lines(given(created("a"), asked)).at(-1)).toBe("Asked for zod, ky");
  });

  test("a deleted project says so", () => {
    expect(given(created("a"), { type: "project_deleted", data: {} }).deleted).toBe(true);
  });
});

describe("answers of the agent", () => {
  const reply = (...messages: object[]) => given(created("a"), ...messages).reply?.text;

  test("are shown as they come", () => {
    expect(reply(replyChunk(0, "Yes, "), replyChunk(5, "it is."))).toBe("Yes, it is.");
  });

  test("count as the server counts: in code points", () => {
    expect(reply(replyChunk(0, "😀 "), replyChunk(2, "yes"))).toBe("😀 yes");
  });

  test("hold what comes twice once", () => {
    expect(reply(replyChunk(0, "a😀b"), replyChunk(1, "😀bc"))).toBe("a😀bc");
  });

  test("begin in the middle for who comes late", () => {
    expect(reply(replyChunk(7, "late"), replyChunk(11, "r"))).toBe("… later");
  });

  test("are an item of the conversation once they are whole", () => {
    const project = given(created("a"), replyChunk(0, "Ye"), replied("Yes."));
    expect([project.reply, lines(project).at(-1)]).toEqual([null, "Yes."]);
  });

  test("are void on a new connection", () => {
    expect(given(created("a"), replyChunk(0, "Ye"), connected()).reply).toBeNull();
  });
});

describe("problems that the server reports", () => {
  test("stay until a run ends well", () => {
    const broken = [created("a"), problems("no such name")];
    expect(given(...broken).reported).toMatchObject({ seq: 2, problems: [{ line: 3 }] });
    const end = { type: "generation_complete", data: { files: [], phases: 1 } };
    expect(given(...broken, end).reported).toBeNull();
  });
});

describe("where the run stands", () => {
  const answer = (version: number, current: "idle" | "complete") =>
    ({ ...state(current, { version }) }) as unknown as ServerMessage;

  test("a newer answer is shown until the history has caught up", () => {
    const messages = history(created("a"), state("designing"), state("complete"));
    const ahead = fold(INITIAL, answer(3, "complete"));
    const half = foldAll(ahead, messages.slice(0, 2));
    expect([standingOf(half).currentState, isCaughtUp(half)]).toEqual(["complete", false]);
    const whole = foldAll(half, messages.slice(2));
    expect([standingOf(whole).currentState, isCaughtUp(whole)]).toEqual(["complete", true]);
  });

  test("an answer that is older than what was applied is ignored", () => {
    const project = given(created("a"), state("complete"));
    expect(fold(project, answer(1, "idle"))).toBe(project);
  });

  test("an answer of the same version is taken", () => {
    const project = fold(given(created("a")), answer(1, "complete"));
    expect([standingOf(project).currentState, isCaughtUp(project)]).toEqual(["complete", true]);
  });

  test("the running app has its address and is loaded", () => {
    const url = "http://x.preview.localhost/";
    const project = given(created("a"), { type: "server_started", data: { url } });
    expect(standingOf(project).previewUrl).toBe(url);
    expect(project.previewRevision).toBe(1);
  });
});

describe("the rest", () => {
  test("usage adds up, and an unknown cost is none", () => {
    const call = (completionTokens: number | null, costUsd: number | null) => ({
      type: "model_call_ended",
      data: { outcome: "complete", promptTokens: 10, completionTokens, costUsd },
    });
    expect(given(created("a"), call(5, null)).usage.costUsd).toBeNull();
    const project = given(created("a"), call(5, 0.5), runStarted("b"), call(null, 0.25));
    expect(project.usage).toEqual({ promptTokens: 20, completionTokens: 5, costUsd: 0.75 });
    expect(project.runUsage).toEqual({ promptTokens: 10, completionTokens: 0, costUsd: 0.25 });
  });

  test("what a stopped call had is added", () => {
    const data = { promptTokens: 0, completionTokens: 7, costUsd: 0.5 };
    const project = given(created("a"), { type: "model_call_counted", data });
    expect(project.usage).toEqual({ promptTokens: 0, completionTokens: 7, costUsd: 0.5 });
  });

  test("a model that asks to wait is shown to be waited for", () => {
    const data = { outcome: "failed", promptTokens: null, completionTokens: null, costUsd: null };
    const busy = { type: "model_call_ended", data: { ...data, retryAt: "2026-01-01T12:00:00Z" } };
    expect(JSON.stringify(given(created("a"), busy).entries)).toContain("asks to wait");
  });

  test("a connection that was lost leaves a note in the log, and one at most", () => {
    const { logs } = given(connected(), log("one\n"), connected(), connected(), log("two\n"));
    expect(logs.map(({ stream }) => stream)).toEqual(["stdout", "note", "stdout"]);
  });

  test("the log keeps its last lines, each with its own id", () => {
    const many = Array.from({ length: MAX_LOG_LINES + 5 }, (_, at) => log(`line ${at}\n`));
    const { logs } = given(...many);
    expect(logs).toHaveLength(MAX_LOG_LINES);
    expect(logs.at(-1)?.text).toBe(`line ${MAX_LOG_LINES + 4}`);
    expect(new Set(logs.map((line) => line.id)).size).toBe(MAX_LOG_LINES);
  });

  test("a line knows how far the record was", () => {
    expect(given(created("a"), log("one\n"), posted("b"), log("two\n")).logs).toMatchObject([
      { text: "one", seq: 1 },
      { text: "two", seq: 2 },
    ]);
  });

  test("several lines in one message are several lines", () => {
    const { logs } = given(log("one\r\n\ntwo\n", "stderr"));
    expect(logs.map((line) => line.text)).toEqual(["one", "", "two"]);
  });

  test("a refusal is shown until something is taken in", () => {
    const project = given(created("a"), refused("rate_limited"));
    expect(project.refusal).toEqual({ code: "rate_limited", message: "No." });
    expect(foldAll(project, [{ ...posted("x"), seq: 2 } as ServerMessage]).refusal).toBeNull();
  });
});

describe("what a run repairs", () => {
  const begun = [created("a board"), runStarted("a board"), phaseStart(0, "a.ts"), state("designing")];

  test("are the problems that came after its last phase", () => {
    expect(repairing(given(...begun))).toBe(0);
    expect(repairing(given(...begun, problems("one", "two"), state("designing")))).toBe(2);
  });

  test("is nothing any more once the next phase has begun or the run is over", () => {
    const found = [...begun, problems("one")];
    expect(repairing(given(...found, phaseStart(1, "a.ts"), state("designing")))).toBe(0);
    expect(repairing(given(...found, state("error")))).toBe(0);
    expect(repairing(given(...found, runStarted("again"), state("designing")))).toBe(0);
  });
});
