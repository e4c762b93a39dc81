import { X } from "lucide-react";
import { useEffect, useRef } from "react";

import type { Desk } from "../use-desk";

/** The open files; one that is only followed stands at the end, in italics. */
export function FileTabs({ desk }: { desk: Desk }) {
  const { tabs, shown, open, close } = desk.files;
  const paths = shown === null || tabs.includes(shown) ? tabs : [...tabs, shown];
  const list = useRef<HTMLUListElement>(null);
  useEffect(() => {
    if (shown === null) return;
    const tab = list.current?.querySelector(`[data-path="${CSS.escape(shown)}"]`);
    tab?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [shown]);
  if (paths.length === 0) return <div className="h-9 shrink-0 border-b border-line" />;
  const names = namesOf(paths);
  return (
    <nav aria-label="Open files" className="shrink-0 border-b border-line bg-sunken">
      <ul ref={list} className="flex h-9 overflow-x-auto [scrollbar-width:none]">
        {paths.map((path, at) => (
          <li
            key={path}
            data-testid="editor-tab"
            data-path={path}
            data-shown={path === shown}
            className="group flex shrink-0 items-center border-r border-line pr-1 data-[shown=true]:bg-surface"
          >
            <button
              type="button"
              aria-current={path === shown}
              title={path}
              onClick={() => open(path)}
              onAuxClick={(event) => {
                if (event.button === 1) close(path);
              }}
              className={`flex h-full items-center gap-1.5 pr-1 pl-3 text-sm text-muted outline-offset-[-3px] hover:text-ink aria-[current=true]:text-ink ${tabs.includes(path) ? "" : "italic"}`}
            >
              {names[at]}
              {desk.leaves.get(path)?.edited === true && <Unsaved />}
            </button>
            {tabs.includes(path) && (
              <button
                type="button"
                aria-label={`Close ${path}`}
                title="Close"
                onClick={() => close(path)}
                className="grid size-6 place-items-center rounded text-muted hover:bg-sunken hover:text-ink"
              >
                <X aria-hidden size={14} />
              </button>
            )}
          </li>
        ))}
      </ul>
    </nav>
  );
}

export function Unsaved() {
  return (
    <span
      role="img"
      aria-label="not saved"
      data-testid="unsaved-mark"
      className="size-2 shrink-0 rounded-full bg-chalk"
    />
  );
}

/** Names of files, with their folder where two are the same. */
function namesOf(paths: readonly string[]): string[] {
  const names = paths.map((path) => path.split("/").at(-1) ?? path);
  return names.map((name, at) => {
    if (names.filter((other) => other === name).length === 1) return name;
    return paths[at]?.split("/").slice(-2).join("/") ?? name;
  });
}
