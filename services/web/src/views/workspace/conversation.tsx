import { ArrowDown, Play } from "lucide-react";
import { useCallback, useMemo, useState } from "react";

import {
  type ConflictEntry,
  count,
  currentPhase,
  isCaughtUp,
  isRunning,
  isWaiting,
  type OutcomeEntry,
  type ProjectState,
  repairing,
  standingOf,
} from "../../project/state";
import { Button, Spinner } from "../../ui/button";
import { Composer, type Draft, NO_DRAFT } from "./composer";
import { type EntryActions, EntryView, ReplyView } from "./entries";
import { PhaseCard } from "./phase-card";
import { useStickToEnd } from "./stick";
import type { Desk } from "./use-desk";

interface ConversationProps {
  desk: Desk;
  description: string;
  /** Shows the preview; absent where it is seen already. */
  onPreview: (() => void) | undefined;
  /** Leaves the past; absent where it is now. */
  onNow: (() => void) | undefined;
  /** Shows the code. */
  onCode: () => void;
}

/** So many items are drawn at first: the newest ones. */
const PAGE = 200;

export function Conversation({ desk, description, onPreview, onNow, onCode }: ConversationProps) {
  const { link, project } = desk;
  const [draft, setDraft] = useState<Draft>(NO_DRAFT);
  const { ref, atEnd, toEnd } = useStickToEnd<HTMLDivElement>();
  const ready = onNow !== undefined || isCaughtUp(project);
  const editPrompt = useCallback(() => {
    setDraft({ text: link.project.prompt ?? description, purpose: "prompt", pictures: [] });
    document.getElementById("message")?.focus();
  }, [link.project.prompt, description]);

  return (
    <section aria-label="Conversation" className="flex h-full flex-col bg-paper">
      <div className="relative min-h-0 flex-1">
        <div
          ref={ref}
          role="log"
          aria-live={onNow === undefined ? "polite" : "off"}
          aria-relevant="additions"
          aria-label="Messages"
          tabIndex={0}
          data-testid="conversation"
          className="h-full overflow-y-auto overscroll-contain px-4 py-4 outline-offset-[-2px]"
        >
          {ready ? (
            <Entries desk={desk} onPreview={onPreview} onEditPrompt={editPrompt} onCode={onCode} />
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
      {onNow === undefined ? (
        <Composer link={link} draft={draft} setDraft={setDraft} />
      ) : (
        <p className="m-3 mt-0 flex items-center justify-between gap-3 rounded-lg bg-chalk-soft px-3.5 py-2.5 text-sm">
          This is how it was.
          <Button size="small" look="outline" onClick={onNow}>
            Back to now
          </Button>
        </p>
      )}
    </section>
  );
}

interface EntriesProps {
  desk: Desk;
  onPreview: (() => void) | undefined;
  onEditPrompt: () => void;
  onCode: () => void;
}

function Entries({ desk, onPreview, onEditPrompt, onCode }: EntriesProps) {
  const { link, project, past } = desk;
  const { entries } = project;
  const [shown, setShown] = useState(PAGE);
  const actions = useActions(desk, onCode);
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
      {entries.length > shown && (
        <li className="text-center">
          <Button size="small" look="quiet" onClick={() => setShown(shown + PAGE)}>
            Show earlier ({entries.length - shown})
          </Button>
        </li>
      )}
      {entries.slice(-shown).map((entry) => (
        <li key={entry.seq}>
          {entry.kind === "phase" ? (
            <PhaseCard
              phase={entry.phase}
              current={running && entry.phase === phase}
              writing={entry.phase === phase ? project.writing : null}
            />
          ) : (
            <EntryView
              entry={entry}
              waiting={entry.kind === "person" && isWaiting(project, entry)}
              actions={actions}
            />
          )}
          {entry === last && entry.kind === "person" && project.runs === 0 && !running && !past && (
            <Button
              size="small"
              className="mt-2.5"
              icon={<Play aria-hidden size={14} className="fill-current" />}
              onClick={restart}
              data-testid="build"
            >
              Build it
            </Button>
          )}
          {entry === last && entry.kind === "outcome" && !running && !past && (
            <WayOn
              outcome={entry.outcome}
              onRestart={restart}
              onEditPrompt={onEditPrompt}
              onPreview={onPreview}
            />
          )}
        </li>
      ))}
      {project.reply !== null && (
        <li>
          <ReplyView reply={project.reply} />
        </li>
      )}
      {running && !past && project.reply === null && (
        <li className="flex items-center gap-2 text-sm text-muted" data-testid="activity">
          <Spinner /> <span className="min-w-0 truncate">{activity(project)}</span>
        </li>
      )}
    </ol>
  );
}

function useActions({ openFile, compare }: Desk, onCode: () => void): EntryActions {
  return useMemo(
    () => ({
      openFile: (path: string, line: number | null) => {
        openFile(path, { line: line ?? 1, column: 1, length: 0 });
        onCode();
      },
      compareConflict: ({ path, seq }: ConflictEntry) => {
        compare({ path, before: seq, after: "now" });
        onCode();
      },
    }),
    [openFile, compare, onCode],
  );
}

interface WayOnProps {
  outcome: OutcomeEntry["outcome"];
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
    case "designing": {
      const broken = repairing(project);
      return broken > 0
        ? `Planning how to repair ${count(broken, "problem")}`
        : `Designing phase ${(index ?? 0) + 1}`;
    }
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
