import { useQuery } from "@tanstack/react-query";
import { ExternalLink, Maximize, Monitor, RotateCw, Smartphone, Tablet } from "lucide-react";
import { type CSSProperties, useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";

import { recall, remember } from "../../memory";
import { appOf, type Frame, frameOf, saysOpen } from "../../project/preview";
import { count, currentPhase, isRunning, type RunState, standingOf } from "../../project/state";
import { api } from "../../server/api";
import { buttonClass, IconButton } from "../../ui/button";
import type { ProjectLink } from "./use-project";

export type Device = "fit" | "desktop" | "tablet" | "phone";

/** Sizes in CSS pixels; the preview is made smaller where they do not fit. */
const SIZES: Record<Exclude<Device, "fit">, { width: number; height: number }> = {
  desktop: { width: 1280, height: 800 },
  tablet: { width: 820, height: 1180 },
  phone: { width: 390, height: 844 },
};

export const DEVICES: Record<Device, { label: string; icon: typeof Monitor }> = {
  fit: { label: "As wide as there is room", icon: Maximize },
  desktop: { label: "Desktop, 1280 wide", icon: Monitor },
  tablet: { label: "Tablet, 820 wide", icon: Tablet },
  phone: { label: "Phone, 390 wide", icon: Smartphone },
};

const DEVICE = "atelier.device";

export interface Preview {
  readonly frame: Frame | null;
  /** What the frame shows first, where the app itself is still to come. */
  readonly opening: string | null;
  /** There is something to see in the frame. */
  readonly isOpen: boolean;
  readonly opened: () => void;
  /** Changes when the frame is to be loaded anew. */
  readonly load: number;
  readonly reload: () => void;
  readonly device: Device;
  readonly setDevice: (device: Device) => void;
}

/**
 * The preview as the server tells of it; it is loaded anew when the app was started again.
 *
 * During the first run the frame is there before the app, so that nothing but the app has to be loaded
 * when it comes, and it is seen as soon as it is.
 */
export function usePreview(link: ProjectLink): Preview {
  const [reloads, setReloads] = useState(0);
  const reload = useCallback(() => setReloads((n) => n + 1), []);
  const [device, setDevice] = useState<Device>(() => {
    const kept = recall(DEVICE);
    return typeof kept === "string" && Object.hasOwn(DEVICES, kept) ? (kept as Device) : "fit";
  });
  useEffect(() => remember(DEVICE, device), [device]);
  const { previewUrl, currentState } = standingOf(link.project);
  const { previewRevision } = link.project;
  const opening = useOpening(link.projectId, previewUrl === null && isRunning(currentState));
  // How often the app had been started when the frame saw it come.
  const [openedAt, setOpenedAt] = useState<number | null>(null);
  const opened = useCallback(() => setOpenedAt(previewRevision), [previewRevision]);
  const frame = frameOf(previewUrl ?? appOf(opening), location.origin);
  const seen = openedAt !== null && previewRevision > openedAt ? 1 : 0;
  return {
    frame,
    opening,
    isOpen: frame !== null && (previewUrl !== null || openedAt !== null),
    opened,
    load: reloads + previewRevision - seen,
    reload,
    device,
    setDevice,
  };
}

/** Where the app will open, asked for once it is *wanted*; null where nobody can tell. */
function useOpening(projectId: string, wanted: boolean): string | null {
  const { data } = useQuery({
    queryKey: ["opening", projectId],
    queryFn: () => api.opening(projectId),
    enabled: wanted,
    staleTime: Number.POSITIVE_INFINITY,
  });
  return data?.openingUrl ?? null;
}

interface PreviewBarProps {
  preview: Preview;
  wide: boolean;
}

/** The app's address, and what can be done with it. */
export function PreviewBar({ preview, wide }: PreviewBarProps) {
  const { frame, isOpen, reload, device, setDevice } = preview;
  if (frame === null || !isOpen) return null;
  return (
    <div className="ml-auto flex min-w-0 flex-1 items-center justify-end gap-1">
      <p
        className="mr-1 min-w-0 flex-1 truncate text-right font-mono text-xs text-muted"
        data-testid="preview-url"
      >
        {frame.src}
      </p>
      {wide && (
        <div role="group" aria-label="Width of the preview" className="flex gap-0.5 px-1">
          {(Object.keys(DEVICES) as Device[]).map((name) => {
            const { label, icon: Icon } = DEVICES[name];
            return (
              <IconButton
                key={name}
                label={label}
                aria-pressed={device === name}
                onClick={() => setDevice(name)}
                data-testid={`device-${name}`}
                className="aria-pressed:bg-accent-soft aria-pressed:text-accent"
              >
                <Icon aria-hidden size={16} />
              </IconButton>
            );
          })}
        </div>
      )}
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
  wide: boolean;
  /** The rest of the page shows the project as it was. */
  past: boolean;
}

export function PreviewPane({ link, preview, wide, past }: PreviewPaneProps) {
  const { frame, isOpen } = preview;
  const device = wide ? preview.device : "fit";
  const [stage, setStage] = useState<HTMLDivElement | null>(null);
  const place = usePlace(stage, device);

  if (frame === null) return <Mat link={link} />;
  return (
    <div className="flex h-full flex-col">
      {past && (
        <p className="shrink-0 bg-chalk-soft px-4 py-1.5 text-center text-sm" data-testid="preview-past">
          The app runs as it is now, whatever the timeline shows.
        </p>
      )}
      <div
        ref={setStage}
        className={`relative min-h-0 flex-1 overflow-hidden ${device === "fit" ? "" : "mat"}`}
      >
        <AppFrame key={frame.src} preview={preview} frame={frame} device={device} place={place} />
        {!isOpen && (
          <div className="absolute inset-0">
            <Mat link={link} />
          </div>
        )}
      </div>
    </div>
  );
}

interface AppFrameProps {
  preview: Preview;
  frame: Frame;
  device: Device;
  place: CSSProperties;
}

/** The app, or the page in whose place it will come. */
function AppFrame({ preview, frame, device, place }: AppFrameProps) {
  const element = useRef<HTMLIFrameElement>(null);
  const { load, opening, isOpen, opened } = preview;
  const loaded = useRef(load);
  // The address stays: whoever came in its place would be loaded anew with another one.
  const [src] = useState(isOpen || opening === null ? frame.src : opening);
  const comes = useRef(false);

  useEffect(() => {
    const hear = (event: MessageEvent) => {
      if (saysOpen(event, element.current?.contentWindow ?? null)) comes.current = true;
    };
    window.addEventListener("message", hear);
    return () => window.removeEventListener("message", hear);
  }, []);

  useEffect(() => {
    if (loaded.current === load) return;
    loaded.current = load;
    // Another origin's page cannot be told to reload, only be given its address again.
    if (element.current !== null) element.current.src = frame.src;
  }, [load, frame]);

  return (
    <iframe
      ref={element}
      src={src}
      sandbox={frame.sandbox}
      title="Preview of the app"
      data-testid="preview-frame"
      data-device={device}
      referrerPolicy="no-referrer"
      style={place}
      onLoad={() => {
        if (comes.current) opened();
        comes.current = false;
      }}
      className={`absolute origin-top-left border-0 bg-white ${device === "fit" ? "" : "rounded-md shadow-xl ring-1 ring-black/20"}`}
    />
  );
}

const EDGE_PX = 16;

/** Where the frame stands: all of the room, or a device in the middle of it, made to fit. */
function usePlace(stage: HTMLDivElement | null, device: Device): CSSProperties {
  const [room, setRoom] = useState({ width: 0, height: 0 });
  useLayoutEffect(() => {
    if (stage === null) return undefined;
    const measure = () => setRoom({ width: stage.clientWidth, height: stage.clientHeight });
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(stage);
    return () => observer.disconnect();
  }, [stage]);
  if (device === "fit" || room.width === 0) return { inset: 0, width: "100%", height: "100%" };
  const { width, height } = SIZES[device];
  const scale = Math.min(1, (room.width - 2 * EDGE_PX) / width);
  const shownHeight = Math.min(height, (room.height - 2 * EDGE_PX) / scale);
  return {
    width,
    height: shownHeight,
    left: (room.width - width * scale) / 2,
    top: Math.max(EDGE_PX, (room.height - shownHeight * scale) / 2),
    transform: `scale(${scale})`,
  };
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
