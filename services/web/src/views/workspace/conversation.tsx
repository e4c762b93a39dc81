import { ArrowDown, Check, CircleCheck, CircleStop, PencilLine } from "lucide-react";
import { memo, useCallback, useState } from "react";

import {
  count,
  currentPhase,
  type Entry,
  isCaughtUp,
  isRunning,
  type ProjectState,
  standingOf,
} from "../../state";
import { Button, Spinner } from "../../ui/button";
import { Notice } from "../../ui/notice";
import { Composer, type Draft, NO_DRAFT } from "./composer";
import { PhaseCard } from "./phase-card";
import { useStickToEnd } from "./stick";
import type { ProjectLink } from "./use-project";

interface ConversationProps {
  link: ProjectLink;
  description: string;
  /** Shows the preview; absent where it is seen already. */
  onPreview: (() => void) | undefined;
}

export function Conversation({ link, description, onPreview }: ConversationProps) {
  const { project } = link;
  const [draft, setDraft] = useState<Draft>(NO_DRAFT);
  const { ref, atEnd, toEnd } = useStickToEnd<HTMLDivElement>();
  const ready = isCaughtUp(project);
  const editPrompt = useCallback(() => {
    setDraft({ text: project.prompt ?? description, purpose: "prompt" });
    document.getElementById("message")?.focus();
  }, [project.prompt, description]);

  return (
    <section aria-label="Conversation" className="flex h-full flex-col bg-paper">
      <div className="relative min-h-0 flex-1">
        <div
          ref={ref}
          role="log"
          aria-live="polite"
          aria-relevant="additions"
          aria-label="Messages"
          tabIndex={0}
          data-testid="conversation"
          className="h-full overflow-y-auto overscroll-contain px-4 py-4 outline-offset-[-2px]"
        >
          {ready ? (
            <Entries link={link} onPreview={onPreview} onEditPrompt={editPrompt} />
          ) : (
            <p role="status" className="flex items-center gap-2 text-sm text-muted">
              <Spinner /> Loading the conversation
            </p>
          )}
        </div>
        {!atEnd && (
          <button
            type="button"
            onClick={toEnd}
            className="absolute bottom-3 left-1/2 inline-flex h-8 -translate-x-1/2 items-center gap-1.5 rounded-full border border-control bg-surface px-3 text-sm font-medium shadow-md hover:border-accent"
          >
            <ArrowDown aria-hidden size={15} /> Latest
          </button>
        )}
      </div>
      <Composer link={link} draft={draft} setDraft={setDraft} />
    </section>
  );
}

interface EntriesProps {
  link: ProjectLink;
  onPreview: (() => void) | undefined;
  onEditPrompt: () => void;
}

function Entries({ link, onPreview, onEditPrompt }: EntriesProps) {
  const { project } = link;
  const { entries } = project;
  if (entries.length === 0) {
    return <p className="text-sm text-muted">Describe below what the app should do.</p>;
  }
  const last = entries.at(-1);
  const phase = currentPhase(project);
  const running = isRunning(standingOf(project).currentState);
  const restart = () =>
    link.send({
      type: "start_generation",
      data: project.prompt === null ? {} : { prompt: project.prompt },
    });
  return (
    <ol className="space-y-3">
      {entries.map((entry) => (
        <li key={entry.seq}>
          {entry.kind === "phase" ? (
            <PhaseCard
              phase={entry.phase}
              current={running && entry.phase === phase}
              writing={entry.phase === phase ? project.writing : null}
            />
          ) : (
            <EntryView entry={entry} />
          )}
          {entry === last && entry.kind === "outcome" && !running && (
            <WayOn
              outcome={entry.outcome}
              onRestart={restart}
              onEditPrompt={onEditPrompt}
              onPreview={onPreview}
            />
          )}
        </li>
      ))}
      {running && (
        <li className="flex items-center gap-2 text-sm text-muted" data-testid="activity">
          <Spinner /> <span className="min-w-0 truncate">{activity(project)}</span>
        </li>
      )}
    </ol>
  );
}

const EntryView = memo(function EntryView({ entry }: { entry: Entry }) {
  switch (entry.kind) {
    case "person":
      return (
        <p
          data-testid="message"
          className="ml-6 rounded-lg rounded-br-sm bg-accent-soft px-3.5 py-2.5 break-words whitespace-pre-wrap"
        >
          {entry.text}
        </p>
      );
    case "outcome":
      return <Outcome outcome={entry.outcome} text={entry.text} />;
    case "saved":
      return (
        <p
          className="flex items-start gap-2 text-sm text-muted"
          data-testid="step"
          title={entry.paths.join("\n")}
        >
          <PencilLine aria-hidden size={16} className="mt-0.5 shrink-0 text-accent" />
          <span className="min-w-0 break-words">{entry.text}</span>
        </p>
      );
    case "step":
      return (
        <p className="flex items-start gap-2 text-sm text-muted" data-testid="step">
          <Check aria-hidden size={16} className="mt-0.5 shrink-0 text-accent" />
          <span className="min-w-0 break-words">{entry.text}</span>
        </p>
      );
    default:
      return null;
  }
});

type OutcomeKind = Extract<Entry, { kind: "outcome" }>["outcome"];

function Outcome({ outcome, text }: { outcome: OutcomeKind; text: string }) {
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

interface WayOnProps {
  outcome: OutcomeKind;
  onRestart: () => void;
  onEditPrompt: () => void;
  onPreview: (() => void) | undefined;
}

/** No run ends in a dead end. */
function WayOn({ outcome, onRestart, onEditPrompt, onPreview }: WayOnProps) {
  if (outcome === "complete" && onPreview === undefined) return null;
  return (
    <div className="mt-2.5 flex flex-wrap gap-2">
      {outcome === "complete" ? (
        <Button size="small" look="outline" onClick={onPreview}>
          Show the preview
        </Button>
      ) : (
        <>
          <Button size="small" onClick={onRestart} data-testid="retry">
            {outcome === "failed" ? "Try again" : "Continue"}
          </Button>
          <Button size="small" look="outline" onClick={onEditPrompt} data-testid="edit-prompt">
            Change the prompt
          </Button>
        </>
      )}
    </div>
  );
}

/** What is being done at this moment. */
function activity(project: ProjectState): string {
  const { currentState, currentPhase: index } = standingOf(project);
  switch (currentState) {
    case "designing":
      return `Designing phase ${(index ?? 0) + 1}`;
    case "implementing":
      return project.writing === null ? "Asking the model" : `Writing ${project.writing}`;
    case "install":
      return "Installing packages";
    case "start":
      return `Starting the app with ${count(project.files.size, "file")}`;
    default:
      return "";
  }
}
