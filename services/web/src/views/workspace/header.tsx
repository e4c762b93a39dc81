import { Link } from "@tanstack/react-router";
import { History as HistoryIcon, Play, Settings, Square } from "lucide-react";

import {
  count,
  currentPhase,
  isCaughtUp,
  isRunning,
  lastOutcome,
  type OutcomeEntry,
  type ProjectState,
  standingOf,
} from "../../project/state";
import type { SocketStatus } from "../../server/socket";
import { Button, buttonClass, IconButton } from "../../ui/button";
import { PaletteButton } from "../../ui/command-bar";
import { Mark } from "../../ui/logo";
import { StateBadge } from "../../ui/state-badge";
import { ThemeToggle } from "../../ui/theme-toggle";
import { More } from "./more";
import { Spent } from "./spent";
import type { TimelineState } from "./timeline";
import type { ProjectLink } from "./use-project";

interface HeaderProps {
  link: ProjectLink;
  name: string;
  description: string;
  timeline: TimelineState;
}

export function Header({ link, name, description, timeline }: HeaderProps) {
  const { status } = link;
  const project = timeline.moment?.project ?? link.project;
  const { currentState } = standingOf(project);
  const toggle = timeline.open ? timeline.hide : timeline.show;
  return (
    <header
      className="border-b border-line bg-surface"
      data-testid="workspace-header"
      data-connection={status.kind}
    >
      <div className="flex h-14 items-center gap-2.5 px-3 sm:gap-3 sm:px-4">
        <Link to="/projects" aria-label="Projects" title="Projects" className="rounded-md">
          <Mark />
        </Link>
        <h1 className="min-w-0 truncate font-semibold" data-testid="project-name">
          {name}
        </h1>
        {project.known ? (
          <StateBadge state={currentState} testId="state-badge" />
        ) : (
          <span className="h-6 w-20 breathe rounded-full bg-sunken" />
        )}
        <Progress project={project} />
        <div className="ml-auto flex shrink-0 items-center gap-1.5 sm:gap-2">
          <Spent project={project} />
          <IconButton
            label="Timeline"
            aria-pressed={timeline.open}
            disabled={link.project.lastSeq === 0}
            onClick={toggle}
            data-testid="timeline-open"
            className="aria-pressed:bg-accent-soft aria-pressed:text-accent"
          >
            <HistoryIcon aria-hidden size={17} />
          </IconButton>
          <Link
            to="/projects/$projectId/settings"
            params={{ projectId: link.projectId }}
            aria-label="Settings of the project"
            title="Settings of the project"
            className={`${buttonClass("quiet", "small")} size-8 px-0! max-sm:hidden`}
            data-testid="settings-open"
          >
            <Settings aria-hidden size={17} />
          </Link>
          <PaletteButton />
          <span className="max-sm:hidden">
            <ThemeToggle />
          </span>
          <span className="sm:hidden">
            <More projectId={link.projectId} project={project} />
          </span>
          <StartStop link={link} description={description} />
        </div>
      </div>
      <Connection status={status} retryNow={link.retryNow} />
    </header>
  );
}

function Progress({ project }: { project: ProjectState }) {
  const phase = currentPhase(project);
  if (phase === null || !isRunning(standingOf(project).currentState)) return null;
  return (
    <p className="truncate text-sm text-muted max-md:hidden" data-testid="progress">
      Phase {phase.index + 1}
      {phase.isLast && phase.index > 0 && " (last)"} · {phase.written.length} of{" "}
      {count(phase.files.length, "file")}
    </p>
  );
}

function StartStop({ link, description }: { link: ProjectLink; description: string }) {
  const { project, status, send } = link;
  const { currentState } = standingOf(project);
  const offline = status.kind !== "open";
  if (isRunning(currentState)) {
    return (
      <Button
        look="danger"
        size="small"
        data-testid="stop"
        disabled={offline}
        icon={<Square aria-hidden size={13} className="fill-current" />}
        onClick={() => send({ type: "stop_generation" })}
        aria-label="Stop"
        className="max-sm:px-2.5!"
      >
        <span className="max-sm:hidden">Stop</span>
      </Button>
    );
  }
  const again = project.prompt !== null;
  const label = again ? AGAIN[lastOutcome(project) ?? "complete"] : "Start";
  const prompt = project.prompt ?? description;
  const start = () => {
    if (prompt.trim() === "") document.getElementById("message")?.focus();
    else send({ type: "start_generation", data: again ? { prompt } : {} });
  };
  return (
    <Button
      look={currentState === "complete" ? "outline" : "primary"}
      size="small"
      data-testid="start"
      disabled={offline || !isCaughtUp(project)}
      title={again ? "Build the last prompt again" : "Build the description"}
      aria-label={label}
      icon={<Play aria-hidden size={14} className="fill-current" />}
      onClick={start}
      className="max-sm:px-2.5!"
    >
      <span className="max-sm:hidden">{label}</span>
    </Button>
  );
}

const AGAIN: Record<OutcomeEntry["outcome"], string> = {
  complete: "Start again",
  failed: "Try again",
  stopped: "Continue",
};

function Connection({ status, retryNow }: { status: SocketStatus; retryNow: () => void }) {
  // A first try is usually quick: say nothing, so that nothing flickers.
  const shown =
    status.kind === "waiting" || (status.kind === "connecting" && status.attempt > 0);
  return (
    <div role="status">
      {shown && (
        <p className="flex flex-wrap items-center justify-center gap-x-3 gap-y-1 border-t border-line bg-chalk-fill px-4 py-1 text-sm text-[#2b2005]">
          <span className="text-center">Connection lost. Reconnecting; the work goes on.</span>
          <button
            type="button"
            onClick={retryNow}
            className="font-semibold underline underline-offset-4 outline-[#2b2005]!"
          >
            Reconnect now
          </button>
        </p>
      )}
    </div>
  );
}
