import { Code2, Eye, MessageSquareText, SquareTerminal } from "lucide-react";
import {
  type ReactNode,
  useCallback,
  useDeferredValue,
  useMemo,
  useState,
  useSyncExternalStore,
} from "react";
import { Group, Panel, Separator, useDefaultLayout } from "react-resizable-panels";

import { recall, remember } from "../../memory";
import { type Problem, problemsOf } from "../../project/problems";
import { isCaughtUp, isRunning, type ProjectState, standingOf } from "../../project/state";
import { CodePane } from "./code/code-pane";
import { Conversation } from "./conversation";
import { Header } from "./header";
import { Output, type OutputView } from "./output";
import { PreviewBar, PreviewPane, usePreview } from "./preview-pane";
import { repairMessage } from "./problems-pane";
import { type Tab, TabBar } from "./tab-bar";
import { Timeline, useTimeline } from "./timeline";
import { useDesk } from "./use-desk";
import { useDeskCommands } from "./use-desk-commands";
import type { ProjectLink } from "./use-project";

type View = "chat" | "code" | "preview" | "log";

const VIEWS: Record<View, Tab> = {
  chat: { label: "Chat", icon: MessageSquareText },
  code: { label: "Code", icon: Code2 },
  preview: { label: "Preview", icon: Eye },
  log: { label: "Log", icon: SquareTerminal },
};

interface LayoutProps {
  projectId: string;
  link: ProjectLink;
  name: string;
  description: string;
}

export function Layout({ projectId, link, name, description }: LayoutProps) {
  const wide = useWide();
  const preview = usePreview(link);
  const [view, setView] = useView(projectId, link, wide, preview.isOpen);
  const timeline = useTimeline(link.history, link.project.lastSeq);
  const { moment } = timeline;
  const deferred = useDeferredValue(link.project);
  const problems = useProblems(deferred);
  const desk = useDesk(projectId, link, moment?.project ?? link.project, problems);
  const { openFile } = desk;
  const toPreview = view === "preview" ? undefined : () => setView("preview");
  const backToNow = () => timeline.goTo(link.project.lastSeq);
  const compareWithNow = (path: string, seq: number) => {
    desk.compare({ path, before: seq, after: "now" });
    setView("code");
  };
  const [output, setOutput] = useState<OutputView>("log");
  const openProblem = useCallback(
    ({ path, line, column }: Problem) => {
      if (path === null) return;
      openFile(path, { line: line ?? 1, column: column ?? 1, length: 0 });
      setView("code");
    },
    [openFile, setView],
  );
  const { send } = link;
  const repair = useCallback(
    (wrong: readonly Problem[]) => {
      send({ type: "user_message", data: { content: repairMessage(wrong) } });
    },
    [send],
  );
  useDeskCommands({ desk, preview, timeline, description, setView, setOutput, wide });
  const canSay = link.status.kind === "open" && isCaughtUp(link.project);
  const bar = !preview.isOpen ? null : <PreviewBar preview={preview} wide={wide} />;
  const panes: Record<View, ReactNode> = {
    chat: (
      <Conversation
        desk={desk}
        description={description}
        onPreview={toPreview}
        onNow={moment === null ? undefined : backToNow}
        onCode={() => setView("code")}
      />
    ),
    code: <CodePane desk={desk} wide={wide} />,
    preview: <PreviewPane link={link} preview={preview} wide={wide} past={moment !== null} />,
    log: (
      <Output
        logs={link.project.logs}
        problems={problems}
        shown={output}
        onShow={setOutput}
        onOpen={openProblem}
        onRepair={canSay ? repair : undefined}
      />
    ),
  };
  return (
    <>
      <Header link={link} name={name} description={description} timeline={timeline} />
      {timeline.open && (
        <Timeline
          timeline={timeline}
          history={link.history}
          now={link.project}
          onCompare={compareWithNow}
        />
      )}
      <main id="main" tabIndex={-1} className="flex min-h-0 flex-1 flex-col outline-none">
        {wide ? (
          <Desk
            panes={panes}
            view={view === "code" ? "code" : "preview"}
            setView={setView}
            bar={bar}
            early={preview.frame !== null && !preview.isOpen ? "preview" : null}
          />
        ) : (
          <Phone panes={panes} view={view} setView={setView} bar={bar} />
        )}
      </main>
    </>
  );
}

/** What is wrong; the same list as long as nothing of it has changed. */
function useProblems({ reported, logs, files, runSeq }: ProjectState): readonly Problem[] {
  return useMemo(
    () => problemsOf({ reported, logs, files, runSeq }),
    [reported, logs, files, runSeq],
  );
}

interface ArrangementProps<V extends View> {
  /** Made and laid out before it is seen, because it takes time until there is something in it. */
  early?: V | null;
  panes: Record<View, ReactNode>;
  view: V;
  setView: (view: View) => void;
  bar: ReactNode;
}

/** Everything side by side, each border movable and remembered. */
function Desk({ panes, view, setView, bar, early }: ArrangementProps<"code" | "preview">) {
  const columns = useDefaultLayout({ id: "atelier.columns", storage: localStorage });
  const rows = useDefaultLayout({ id: "atelier.rows", storage: localStorage });
  return (
    <Group orientation="horizontal" className="min-h-0 flex-1" {...persisted(columns)}>
      <Panel id="chat" defaultSize={400} minSize={300} groupResizeBehavior="preserve-pixel-size">
        {panes.chat}
      </Panel>
      <Separator aria-label="Width of the conversation" className={`${SEPARATOR} w-px before:-inset-x-1 before:inset-y-0`} />
      <Panel id="work" minSize={420}>
        <Group orientation="vertical" className="h-full" {...persisted(rows)}>
          <Panel id="stage" minSize={200} className="flex flex-col">
            <div className="flex h-11 shrink-0 items-center gap-3 border-b border-line bg-surface px-3">
              <TabBar
                label="View"
                tabs={{ preview: VIEWS.preview, code: VIEWS.code }}
                selected={view}
                onSelect={setView}
              />
              {view === "preview" && bar}
            </div>
            <Stack views={["preview", "code"]} panes={panes} view={view} early={early} />
          </Panel>
          <Separator aria-label="Height of the output" className={`${SEPARATOR} h-px before:inset-x-0 before:-inset-y-1`} />
          <Panel
            id="output"
            defaultSize={170}
            minSize={110}
            collapsible
            collapsedSize={36}
            groupResizeBehavior="preserve-pixel-size"
          >
            {panes.log}
          </Panel>
        </Group>
      </Panel>
    </Group>
  );
}

const SEPARATOR =
  "relative z-10 bg-line outline-none before:absolute before:content-[''] hover:bg-accent focus-visible:bg-accent focus-visible:ring-1 focus-visible:ring-accent data-[separator=active]:bg-accent";

function persisted(layout: ReturnType<typeof useDefaultLayout>) {
  return { defaultLayout: layout.defaultLayout, onLayoutChanged: layout.onLayoutChanged };
}

/** One thing at a time, and a bar to change it within reach of the thumb. */
function Phone({ panes, view, setView, bar }: ArrangementProps<View>) {
  return (
    <>
      {view === "preview" && bar !== null && (
        <div className="flex h-11 shrink-0 items-center border-b border-line bg-surface px-3">{bar}</div>
      )}
      <Stack views={["chat", "code", "preview", "log"]} panes={panes} view={view} />
      <div className="shrink-0 border-t border-line bg-surface px-2 py-1.5 pb-[max(0.375rem,env(safe-area-inset-bottom))]">
        <TabBar label="View" tabs={VIEWS} selected={view} onSelect={setView} large />
      </div>
    </>
  );
}

/**
 * One view is seen. Each is made when it is seen for the first time, so that nothing is loaded for
 * those that nobody looks at, and stays alive after that, so that changing loses nothing.
 */
function Stack<V extends View>({
  views,
  panes,
  view,
  early = null,
}: {
  views: readonly V[];
  panes: Record<View, ReactNode>;
  view: V;
  early?: V | null;
}) {
  const [made, setMade] = useState<readonly View[]>([view]);
  const missing = [view, ...(early === null ? [] : [early])].filter((name) => !made.includes(name));
  if (missing.length > 0) setMade([...made, ...missing]);
  return (
    <div className="relative flex min-h-0 flex-1 flex-col">
      {views.map((name) => (
        <div
          key={name}
          id={`view-${name}`}
          role="tabpanel"
          aria-label={VIEWS[name].label}
          hidden={name !== view && name !== early}
          className={name === view ? "min-h-0 flex-1" : "invisible absolute inset-0"}
        >
          {made.includes(name) && panes[name]}
        </div>
      ))}
    </div>
  );
}

const WIDE = "(min-width: 56rem)";

function useWide(): boolean {
  return useSyncExternalStore(
    (listener) => {
      const query = matchMedia(WIDE);
      query.addEventListener("change", listener);
      return () => query.removeEventListener("change", listener);
    },
    () => matchMedia(WIDE).matches,
  );
}

interface Choice {
  readonly view: View;
  /** How many runs there had been. */
  readonly runs: number;
}

/**
 * What is looked at, and a setter.
 *
 * As long as there is no preview the code is shown, as it is written. What somebody has chosen stays until
 * the next run starts, and for good once there is a preview; also when the page is loaded again.
 */
function useView(
  projectId: string,
  link: ProjectLink,
  wide: boolean,
  isOpen: boolean,
): [View, (view: View) => void] {
  const key = `atelier.view.${projectId}`;
  const [choice, setChoice] = useState(() => choiceIn(recall(key, "tab")));
  const { runs, files } = link.project;
  const { currentState } = standingOf(link.project);
  const choose = useCallback(
    (view: View) => {
      setChoice({ view, runs });
      remember(key, { view, runs }, "tab");
    },
    [key, runs],
  );
  if (choice !== null && (choice.runs === runs || isOpen)) return [choice.view, choose];
  if (!wide) return ["chat", choose];
  const code = !isOpen && (isRunning(currentState) || files.size > 0);
  return [code ? "code" : "preview", choose];
}

function choiceIn(value: unknown): Choice | null {
  if (typeof value !== "object" || value === null) return null;
  const { view, runs } = value as Record<string, unknown>;
  if (typeof view !== "string" || !Object.hasOwn(VIEWS, view)) return null;
  return typeof runs === "number" ? { view: view as View, runs } : null;
}
