import { Check, CircleCheck, CircleStop, Clock, GitCompare, Image, PencilLine, TriangleAlert } from "lucide-react";
import { lazy, memo, Suspense } from "react";

import type { ImageInfo, ProblemData } from "../../contract";
import { type ConflictEntry, count, type Entry, type OutcomeEntry, type Reply } from "../../project/state";
import { Button, Spinner } from "../../ui/button";
import { Notice } from "../../ui/notice";
import { sizeOf } from "../../units";

const Markdown = lazy(() => import("./markdown"));

/** What can be done from within the conversation. */
export interface EntryActions {
  readonly openFile: (path: string, line: number | null) => void;
  /** Shows both versions of a file that the agent wrote otherwise than a person. */
  readonly compareConflict: (entry: ConflictEntry) => void;
}

interface EntryViewProps {
  entry: Exclude<Entry, { kind: "phase" }>;
  /** It was said during a run, and the model is told at the next phase. */
  waiting: boolean;
  actions: EntryActions;
}

export const EntryView = memo(function EntryView({ entry, waiting, actions }: EntryViewProps) {
  switch (entry.kind) {
    case "person":
      return (
        <div
          data-testid="message"
          className="ml-6 rounded-lg rounded-br-sm bg-accent-soft px-3.5 py-2.5 break-words whitespace-pre-wrap"
        >
          {entry.text}
          {entry.images.length > 0 && <Images images={entry.images} />}
          {waiting && (
            <span className="mt-1 flex items-center gap-1.5 text-xs text-muted" data-testid="waiting">
              <Clock aria-hidden size={13} /> Waits for the next phase
            </span>
          )}
        </div>
      );
    case "agent":
      return <Answer text={entry.text} />;
    case "outcome":
      return <Outcome entry={entry} />;
    case "conflict":
      return <Kept entry={entry} actions={actions} />;
    case "problems":
      return <Problems problems={entry.problems} actions={actions} />;
    case "saved":
      return (
        <Step icon={PencilLine} title={entry.paths.join("\n")}>
          {entry.text}
        </Step>
      );
    default:
      return <Step icon={Check}>{entry.text}</Step>;
  }
});

interface StepProps {
  icon: typeof Check;
  title?: string;
  children: string;
}

function Step({ icon: Icon, title, children }: StepProps) {
  return (
    <p className="flex items-start gap-2 text-sm text-muted" data-testid="step" title={title}>
      <Icon aria-hidden size={16} className="mt-0.5 shrink-0 text-accent" />
      <span className="min-w-0 break-words">{children}</span>
    </p>
  );
}

function Images({ images }: { images: readonly ImageInfo[] }) {
  const size = images.reduce((sum, image) => sum + image.size, 0);
  return (
    <span className="mt-1.5 flex items-center gap-1.5 text-sm text-muted" data-testid="message-images">
      <Image aria-hidden size={15} />
      {count(images.length, "picture")}, {sizeOf(size)}
    </span>
  );
}

/** An answer of the agent in words. */
function Answer({ text }: { text: string }) {
  return (
    <div data-testid="assistant-message" className="mr-6 break-words">
      <Suspense fallback={<p className="whitespace-pre-wrap">{text}</p>}>
        <Markdown text={text} />
      </Suspense>
    </div>
  );
}

/** An answer that is arriving. */
export function ReplyView({ reply }: { reply: Reply }) {
  return (
    <div data-testid="assistant-reply" aria-busy className="mr-6 break-words">
      <Suspense fallback={<p className="whitespace-pre-wrap">{reply.text}</p>}>
        <Markdown text={reply.text} />
      </Suspense>
      <span className="mt-1 flex text-muted">
        <Spinner />
      </span>
    </div>
  );
}

function Outcome({ entry: { outcome, text } }: { entry: OutcomeEntry }) {
  if (outcome === "failed") return <Notice testId="generation-error">{text}</Notice>;
  const Icon = outcome === "complete" ? CircleCheck : CircleStop;
  return (
    <p className="flex items-start gap-2 font-medium" data-testid={`outcome-${outcome}`}>
      <Icon
        aria-hidden
        size={19}
        className={`mt-0.5 shrink-0 ${outcome === "complete" ? "text-accent" : "text-muted"}`}
      />
      {text}
    </p>
  );
}

const REASONS: Record<string, string> = {
  edited: "you have changed it",
  deleted: "you have deleted it",
  locked: "it is locked",
};

function Kept({ entry, actions }: { entry: ConflictEntry; actions: EntryActions }) {
  return (
    <div className="rounded-lg bg-chalk-soft px-3.5 py-2.5 text-sm" data-testid="kept">
      <p className="break-words">
        The agent wrote <code className="font-mono text-[0.8125rem]">{entry.path}</code> too. Yours
        stays, because {REASONS[entry.reason] ?? "you decide"}.
      </p>
      <Button
        size="small"
        look="outline"
        icon={<GitCompare aria-hidden size={15} />}
        onClick={() => actions.compareConflict(entry)}
        className="mt-2"
      >
        Compare both
      </Button>
    </div>
  );
}

const MAX_SHOWN = 5;

interface ProblemsProps {
  problems: readonly ProblemData[];
  actions: EntryActions;
}

function Problems({ problems, actions }: ProblemsProps) {
  return (
    <div className="rounded-lg border border-line bg-surface px-3.5 py-2.5 text-sm" data-testid="reported">
      <p className="flex items-center gap-2 font-medium">
        <TriangleAlert aria-hidden size={16} className="shrink-0 text-chalk" />
        {count(problems.length, "problem")} found, to be repaired
      </p>
      <ul className="mt-1.5 space-y-1">
        {problems.slice(0, MAX_SHOWN).map((problem) => {
          const { path, line, message } = problem;
          return (
            <li key={`${path}:${line}:${message}`} className="break-words text-muted">
              {path !== null && (
                <button
                  type="button"
                  onClick={() => actions.openFile(path, line)}
                  className="font-mono text-[0.8125rem] text-accent underline underline-offset-2 hover:text-accent-strong"
                >
                  {path}
                  {line !== null && `:${line}`}
                </button>
              )}{" "}
              {message}
            </li>
          );
        })}
      </ul>
      {problems.length > MAX_SHOWN && (
        <p className="mt-1 text-muted">and {problems.length - MAX_SHOWN} more</p>
      )}
    </div>
  );
}
