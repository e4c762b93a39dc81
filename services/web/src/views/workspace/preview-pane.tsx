import { ExternalLink, RotateCw } from "lucide-react";
import { useCallback, useEffect, useRef, useState } from "react";

import { type Frame, frameOf } from "../../preview";
import { count, currentPhase, isRunning, type RunState, standingOf } from "../../state";
import { buttonClass, IconButton } from "../../ui/button";
import type { ProjectLink } from "./use-project";

export interface Preview {
  readonly frame: Frame | null;
  /** Changes when the frame is to be loaded anew. */
  readonly load: number;
  readonly reload: () => void;
}

/** The preview as the server tells of it; it is loaded anew when the app was started again. */
export function usePreview(link: ProjectLink): Preview {
  const [reloads, setReloads] = useState(0);
  const reload = useCallback(() => setReloads((n) => n + 1), []);
  const { previewUrl } = standingOf(link.project);
  const frame = frameOf(previewUrl, location.origin);
  return { frame, load: reloads + link.project.previewRevision, reload };
}

/** The app's address, and what can be done with it. */
export function PreviewBar({ frame, reload }: { frame: Frame; reload: () => void }) {
  return (
    <div className="ml-auto flex min-w-0 flex-1 items-center justify-end gap-1">
      <p
        className="mr-1 min-w-0 flex-1 truncate text-right font-mono text-xs text-muted"
        data-testid="preview-url"
      >
        {frame.src}
      </p>
      <IconButton label="Reload the preview" data-testid="preview-reload" onClick={reload}>
        <RotateCw aria-hidden size={16} />
      </IconButton>
      <a
        href={frame.src}
        target="_blank"
        rel="noopener noreferrer"
        aria-label="Open the preview in a tab"
        title="Open the preview in a tab"
        data-testid="preview-open"
        className={`${buttonClass("quiet", "small")} size-8 px-0!`}
      >
        <ExternalLink aria-hidden size={16} />
      </a>
    </div>
  );
}

interface PreviewPaneProps {
  link: ProjectLink;
  preview: Preview;
  /** The rest of the page shows the project as it was. */
  past: boolean;
}

export function PreviewPane({ link, preview, past }: PreviewPaneProps) {
  const element = useRef<HTMLIFrameElement>(null);
  const loaded = useRef(preview.load);
  const { frame, load } = preview;

  useEffect(() => {
    if (loaded.current === load) return;
    loaded.current = load;
    // Another origin's page cannot be told to reload, only be given its address again.
    if (element.current !== null && frame !== null) element.current.src = frame.src;
  }, [load, frame]);

  if (frame === null) return <Mat link={link} />;
  return (
    <div className="flex h-full flex-col">
      {past && (
        <p className="shrink-0 bg-chalk-soft px-4 py-1.5 text-center text-sm" data-testid="preview-past">
          The app runs as it is now, whatever the timeline shows.
        </p>
      )}
      <iframe
        ref={element}
        key={frame.src}
        src={frame.src}
        sandbox={frame.sandbox}
        title="Preview of the app"
        data-testid="preview-frame"
        referrerPolicy="no-referrer"
        className="block min-h-0 w-full flex-1 border-0 bg-white"
      />
    </div>
  );
}

const TITLES: Record<RunState, string> = {
  idle: "Your app opens here",
  designing: "Deciding what to build",
  implementing: "Being written",
  install: "Installing packages",
  start: "Starting the app",
  complete: "The app is not running",
  error: "The app is not running",
};

/** The empty place of the preview. */
function Mat({ link }: { link: ProjectLink }) {
  const { project } = link;
  const { currentState } = standingOf(project);
  const phase = currentPhase(project);
  return (
    <div className="mat relative flex h-full flex-col items-center justify-center overflow-hidden px-6 text-center">
      <div aria-hidden className="ruler absolute inset-x-0 top-0 h-4" />
      <p className="text-xl font-semibold">{TITLES[currentState]}</p>
      <p className="mt-1 max-w-sm text-balance text-on-mat-muted">
        {isRunning(currentState) && phase !== null
          ? `Phase ${phase.index + 1}: ${phase.written.length} of ${count(phase.files.length, "file")} written`
          : hint(currentState)}
      </p>
    </div>
  );
}

function hint(state: RunState): string {
  if (isRunning(state)) return "It opens by itself as soon as it answers.";
  return state === "error"
    ? "The conversation says what went wrong and how to go on."
    : "Start a run and it opens by itself as soon as it answers.";
}
