import { useNavigate } from "@tanstack/react-router";
import { useMemo } from "react";

import { type Command, useCommands } from "../../commands";
import { isCaughtUp, isRunning, standingOf } from "../../project/state";
import { openPalette } from "../../ui/command-bar";
import type { OutputView } from "./output";
import { type Device, DEVICES, type Preview } from "./preview-pane";
import type { TimelineState } from "./timeline";
import type { Desk } from "./use-desk";

interface DeskParts {
  desk: Desk;
  preview: Preview;
  timeline: TimelineState;
  description: string;
  setView: (view: "chat" | "code" | "preview" | "log") => void;
  setOutput: (view: OutputView) => void;
  wide: boolean;
}

/** Offers everything that can be done in the workspace. */
export function useDeskCommands(parts: DeskParts): void {
  const { desk, preview, timeline, description, setView, setOutput, wide } = parts;
  const run = useRunCommands(desk, description);
  const code = useCodeCommands(desk, setView);
  const view = useMemo(
    () => viewCommands(preview, timeline, setView, setOutput, wide),
    [preview, timeline, setView, setOutput, wide],
  );
  const site = useSiteCommands(desk.projectId);
  useCommands(useMemo(() => [...run, ...view, ...site, ...code], [run, view, site, code]));
}

function useSiteCommands(projectId: string): readonly Command[] {
  const navigate = useNavigate();
  return useMemo(
    () => [
      {
        id: "settings",
        title: "Settings of the project: models, limits, secrets, export",
        group: "Project",
        run: () => void navigate({ to: "/projects/$projectId/settings", params: { projectId } }),
      },
    ],
    [navigate, projectId],
  );
}

function useRunCommands({ link }: Desk, description: string): readonly Command[] {
  const { project, status, send } = link;
  const running = isRunning(standingOf(project).currentState);
  const able = status.kind === "open" && isCaughtUp(project);
  const prompt = project.prompt ?? description;
  return useMemo(() => {
    const commands: Command[] = [
      {
        id: "message",
        title: "Write a message",
        group: "Run",
        keys: "Alt+M",
        run: () => document.getElementById("message")?.focus(),
      },
    ];
    if (able && running) {
      commands.unshift({
        id: "stop",
        title: "Stop the run",
        group: "Run",
        keys: "Alt+Enter",
        run: () => send({ type: "stop_generation" }),
      });
    } else if (able && prompt.trim() !== "") {
      commands.unshift({
        id: "start",
        title: "Start the run",
        group: "Run",
        keys: "Alt+Enter",
        run: () => send({ type: "start_generation", data: { prompt } }),
      });
    }
    return commands;
  }, [able, running, prompt, send]);
}

function useCodeCommands(desk: Desk, setView: (view: "code") => void): readonly Command[] {
  const { leaves, openFile, saveShown, setSide, files, compare, past, edits } = desk;
  const { shown } = files;
  const edited = shown !== null && edits.edits.has(shown);
  const known = useMemo(() => [...leaves.keys()].toSorted().join("\n"), [leaves]);
  return useMemo(() => {
    const see = (then: () => void) => () => {
      setView("code");
      then();
    };
    const commands: Command[] = [
      { id: "save", title: "Save the file", group: "Code", keys: "Mod+S", run: saveShown },
      {
        id: "go-file",
        title: "Go to file",
        group: "Code",
        keys: "Mod+P",
        run: () => openPalette("files"),
      },
      {
        id: "search",
        title: "Search in all files",
        group: "Code",
        keys: "Mod+Shift+F",
        run: see(() => {
          setSide("search");
          // The field is there once the view has been drawn.
          setTimeout(() => document.getElementById("search-files")?.focus());
        }),
      },
    ];
    if (shown !== null) {
      commands.push(
        {
          id: "compare",
          title: "Compare the file with another version",
          group: "Code",
          run: see(() =>
            compare({ path: shown, before: "previous", after: past ? "shown" : "now" }),
          ),
        },
        { id: "close-tab", title: "Close the tab", group: "Code", keys: "Alt+W", run: () => files.close(shown) },
      );
    }
    if (edited && shown !== null) {
      commands.push({
        id: "discard",
        title: "Discard the changes of the file",
        group: "Code",
        run: () => edits.store.discard(shown),
      });
    }
    const paths = known === "" ? [] : known.split("\n");
    const open = paths.map(
      (path): Command => ({
        id: `file:${path}`,
        title: path,
        group: "Files",
        run: see(() => openFile(path)),
      }),
    );
    return [...commands, ...open];
  }, [known, openFile, saveShown, setSide, setView, compare, files, shown, past, edited, edits.store]);
}

function viewCommands(
  preview: Preview,
  timeline: TimelineState,
  setView: DeskParts["setView"],
  setOutput: (view: OutputView) => void,
  wide: boolean,
): Command[] {
  const output = (view: OutputView) => () => {
    setOutput(view);
    if (!wide) setView("log");
  };
  const commands: Command[] = [
    { id: "view-preview", title: "Show the preview", group: "View", keys: "Alt+1", run: () => setView("preview") },
    { id: "view-code", title: "Show the code", group: "View", keys: "Alt+2", run: () => setView("code") },
    { id: "view-log", title: "Show the log", group: "View", keys: "Alt+3", run: output("log") },
    { id: "view-problems", title: "Show the problems", group: "View", keys: "Alt+4", run: output("problems") },
    {
      id: "timeline",
      title: timeline.open ? "Close the timeline" : "Show the timeline",
      group: "View",
      keys: "Alt+T",
      run: timeline.open ? timeline.hide : timeline.show,
    },
  ];
  if (preview.frame === null) return commands;
  const { src } = preview.frame;
  commands.push(
    { id: "preview-reload", title: "Reload the preview", group: "Preview", keys: "Alt+R", run: preview.reload },
    {
      id: "preview-open",
      title: "Open the preview in a tab",
      group: "Preview",
      run: () => window.open(src, "_blank", "noopener,noreferrer"),
    },
  );
  if (!wide) return commands;
  const devices = Object.keys(DEVICES) as Device[];
  return [
    ...commands,
    ...devices.map(
      (device): Command => ({
        id: `device-${device}`,
        title: `Preview: ${DEVICES[device].label.toLowerCase()}`,
        group: "Preview",
        run: () => preview.setDevice(device),
      }),
    ),
  ];
}
