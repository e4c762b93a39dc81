import { ArrowUp, ImagePlus, X } from "lucide-react";
import { type FormEvent, type KeyboardEvent, useState } from "react";

import type { ClientMessage } from "../../contract";
import { type Picture, withFiles } from "../../pictures";
import { isCaughtUp, isRunning, type ProjectState, standingOf } from "../../project/state";
import { Button, Spinner } from "../../ui/button";
import { Notice } from "../../ui/notice";
import { MAX_PROMPT } from "../../ui/prompt-box";
import { useDroppedFiles } from "./use-dropped-files";
import type { ProjectLink } from "./use-project";

/** What is being typed: a message of the conversation, or another prompt for the run. */
export interface Draft {
  readonly text: string;
  readonly purpose: "message" | "prompt";
  readonly pictures: readonly Picture[];
  /** Set once it was sent: what the server had said until then. */
  readonly sent?: Mark | undefined;
}

interface Mark {
  readonly accepted: number;
  readonly refused: number;
  readonly connections: number;
}

export const NO_DRAFT: Draft = { text: "", purpose: "message", pictures: [] };

/** Whether what was sent is now part of the conversation. Until then the text stays. */
export function isTaken(draft: Draft, project: ProjectState): boolean {
  if (draft.sent === undefined || project.accepted === draft.sent.accepted) return false;
  const text = draft.text.trim();
  const last = project.entries.findLast((entry) => entry.kind === "person");
  return project.prompt === text || (last?.kind === "person" && last.text === text);
}

function isOnItsWay(draft: Draft, { project, status }: ProjectLink): boolean {
  return (
    draft.sent !== undefined &&
    status.kind === "open" &&
    project.refused === draft.sent.refused &&
    project.connections === draft.sent.connections
  );
}

interface ComposerProps {
  link: ProjectLink;
  draft: Draft;
  setDraft: (draft: Draft) => void;
}

export function Composer({ link, draft: typed, setDraft }: ComposerProps) {
  const { project } = link;
  const draft = isTaken(typed, project) ? NO_DRAFT : typed;
  const waiting = isOnItsWay(draft, link);
  const running = isRunning(standingOf(project).currentState);
  const able =
    link.status.kind === "open" && isCaughtUp(project) && !waiting && draft.text.trim() !== "";

  const [problem, setProblem] = useState<string | null>(null);
  const add = async (files: readonly File[]) => {
    if (files.length === 0 || draft.purpose === "prompt") return;
    const taken = await withFiles(draft.pictures, files);
    setProblem(taken.problem);
    setDraft({ ...draft, pictures: taken.pictures });
  };
  const held = useDroppedFiles((files) => void add(files));
  const submit = (event?: FormEvent) => {
    event?.preventDefault();
    if (able && link.send(messageOf(draft))) setDraft({ ...draft, sent: markOf(project) });
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Enter" && !event.shiftKey && !event.nativeEvent.isComposing) {
      event.preventDefault();
      submit();
    }
  };
  return (
    <div className="shrink-0 space-y-2 px-3 pb-3">
      <Refusal link={link} />
      {problem !== null && <Notice testId="picture-problem">{problem}</Notice>}
      <form
        onSubmit={submit}
        data-held={held}
        className="rounded-lg border border-control bg-surface focus-within:border-accent focus-within:ring-1 focus-within:ring-accent data-[held=true]:border-dashed data-[held=true]:border-accent data-[held=true]:bg-accent-soft"
      >
        {draft.purpose === "prompt" && (
          <p className="flex items-center justify-between border-b border-line py-1 pr-1 pl-3.5 text-sm text-muted">
            Build from this prompt
            <button
              type="button"
              aria-label="Write a message instead"
              title="Write a message instead"
              onClick={() => setDraft(NO_DRAFT)}
              className="grid size-7 place-items-center rounded-md hover:bg-sunken"
            >
              <X aria-hidden size={15} />
            </button>
          </p>
        )}
        <label htmlFor="message" className="sr-only">
          Message
        </label>
        <textarea
          id="message"
          data-testid="message-input"
          value={draft.text}
          onChange={(event) => setDraft({ ...draft, text: event.target.value, sent: undefined })}
          onPaste={(event) => {
            const files = [...event.clipboardData.files];
            if (files.length > 0) event.preventDefault();
            void add(files);
          }}
          onKeyDown={onKeyDown}
          readOnly={waiting}
          maxLength={MAX_PROMPT}
          rows={2}
          placeholder={placeholder(project, running)}
          className="field-sizing-content block max-h-52 min-h-16 w-full resize-none bg-transparent px-3.5 pt-2.5 outline-none placeholder:text-muted"
        />
        {draft.pictures.length > 0 && (
          <Pictures
            pictures={draft.pictures}
            onRemove={(gone) =>
              setDraft({ ...draft, pictures: draft.pictures.filter((each) => each !== gone) })
            }
          />
        )}
        <div className="flex items-center gap-1 pr-2 pb-2 pl-2">
          {draft.purpose === "message" && (
            <label
              title="Add pictures"
              className="grid size-8 shrink-0 cursor-pointer place-items-center rounded-md text-muted focus-within:outline-2 focus-within:outline-accent hover:bg-sunken hover:text-ink"
            >
              <ImagePlus aria-hidden size={17} />
              <span className="sr-only">Add pictures</span>
              <input
                type="file"
                accept="image/png,image/jpeg,image/webp"
                multiple
                disabled={waiting}
                onChange={(event) => {
                  void add([...(event.target.files ?? [])]);
                  event.target.value = "";
                }}
                data-testid="add-pictures"
                className="sr-only"
              />
            </label>
          )}
          <span className="mr-auto px-1 text-xs text-muted">
            {held ? "Drop pictures to add them" : running ? "Taken in at the next phase" : "Enter sends"}
          </span>
          <button
            type="submit"
            data-testid="send-message"
            aria-label={draft.purpose === "prompt" ? "Build" : "Send"}
            title={draft.purpose === "prompt" ? "Build" : "Send"}
            disabled={!able}
            className="grid size-8 place-items-center rounded-md bg-accent text-on-accent hover:bg-accent-strong disabled:bg-sunken disabled:text-muted"
          >
            {waiting ? <Spinner /> : <ArrowUp aria-hidden size={18} />}
          </button>
        </div>
      </form>
    </div>
  );
}

interface PicturesProps {
  pictures: readonly Picture[];
  onRemove: (picture: Picture) => void;
}

function Pictures({ pictures, onRemove }: PicturesProps) {
  return (
    <ul aria-label="Pictures" className="flex flex-wrap gap-2 px-3.5 pb-2">
      {pictures.map((picture) => {
        const { name, image } = picture;
        return (
          <li key={image.data.slice(0, 200) + image.data.length} className="relative" data-testid="picture">
            <img
              src={`data:${image.mediaType};base64,${image.data}`}
              alt={name}
              className="size-14 rounded-md border border-line object-cover"
            />
            <button
              type="button"
              aria-label={`Remove ${name}`}
              onClick={() => onRemove(picture)}
              className="absolute -top-2 -right-2 grid size-6 place-items-center rounded-full border border-control bg-surface"
            >
              <X aria-hidden size={13} />
            </button>
          </li>
        );
      })}
    </ul>
  );
}

function markOf({ accepted, refused, connections }: ProjectState): Mark {
  return { accepted, refused, connections };
}

function messageOf(draft: Draft): ClientMessage {
  const text = draft.text.trim();
  return draft.purpose === "prompt"
    ? { type: "start_generation", data: { prompt: text } }
    : {
        type: "user_message",
        data: { content: text, images: draft.pictures.map(({ image }) => image) },
      };
}

function placeholder(project: ProjectState, running: boolean): string {
  if (running) return "Add something while it is being built";
  return project.files.size === 0 ? "What should the app do?" : "What should be different?";
}

/** Refusals that may pass when the same is said again. */
const PASSING = new Set(["rate_limited", "internal_error"]);

function Refusal({ link }: { link: ProjectLink }) {
  const [dismissed, setDismissed] = useState(0);
  const { refusal, refused } = link.project;
  if (refusal === null || refused === dismissed) return null;
  const again = () => {
    setDismissed(refused);
    link.sendAgain();
  };
  return (
    <Notice
      testId="refusal"
      actions={
        <>
          {PASSING.has(refusal.code) && (
            <Button size="small" onClick={again}>
              Try again
            </Button>
          )}
          <Button size="small" look="outline" onClick={() => setDismissed(refused)}>
            Dismiss
          </Button>
        </>
      }
    >
      {refusal.message}
    </Notice>
  );
}
