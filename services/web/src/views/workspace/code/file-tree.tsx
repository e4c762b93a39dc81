import { ChevronRight, FileCode2 } from "lucide-react";
import { type KeyboardEvent, useMemo, useRef, useState } from "react";

import { type Row, rowsOf } from "../../../project/tree";
import { Unsaved } from "./file-tabs";

export interface Leaf {
  readonly progress: "planned" | "writing" | "written";
  readonly purpose: string;
  /** Somebody has typed in it and not saved. */
  readonly edited: boolean;
}

interface FileTreeProps {
  leaves: ReadonlyMap<string, Leaf>;
  selected: string | null;
  onSelect: (path: string) => void;
}

/** A tree as the ARIA practices describe it: one stop, arrow keys move, left and right fold. */
export function FileTree({ leaves, selected, onSelect }: FileTreeProps) {
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set());
  const [focused, setFocused] = useState<string | null>(null);
  const list = useRef<HTMLUListElement>(null);
  const paths = useMemo(() => [...leaves.keys()].join("\n"), [leaves]);
  const rows = useMemo(
    () => rowsOf(paths === "" ? [] : paths.split("\n"), closed),
    [paths, closed],
  );
  const stop = [focused, selected].find((path) => rows.some((row) => row.path === path)) ?? rows[0]?.path;

  const fold = (path: string, shut: boolean) => {
    const next = new Set(closed);
    if (shut) next.add(path);
    else next.delete(path);
    setClosed(next);
  };
  const activate = (row: Row) => {
    setFocused(row.path);
    if (row.folder) fold(row.path, !closed.has(row.path));
    else onSelect(row.path);
  };
  const moveTo = (row: Row | undefined) => {
    if (row === undefined) return;
    setFocused(row.path);
    list.current?.querySelector<HTMLElement>(`[data-row="${rows.indexOf(row)}"]`)?.focus();
  };
  const onKeyDown = (event: KeyboardEvent, row: Row, at: number) => {
    const open = row.folder && !closed.has(row.path);
    const moves: Record<string, () => void> = {
      ArrowDown: () => moveTo(rows[at + 1]),
      ArrowUp: () => moveTo(rows[at - 1]),
      Home: () => moveTo(rows[0]),
      End: () => moveTo(rows.at(-1)),
      ArrowRight: () => (row.folder && !open ? fold(row.path, false) : moveTo(open ? rows[at + 1] : undefined)),
      ArrowLeft: () => (open ? fold(row.path, true) : moveTo(parentOf(rows, at))),
      Enter: () => activate(row),
      " ": () => activate(row),
    };
    const move = moves[event.key];
    if (move === undefined) return;
    event.preventDefault();
    move();
  };

  if (rows.length === 0) return <p className="px-4 py-1 text-sm text-muted">No files yet</p>;
  return (
    <ul ref={list} role="tree" aria-label="Files" data-testid="file-tree">
      {rows.map((row, at) => (
        <li
          key={row.path}
          role="treeitem"
          data-row={at}
          data-testid={row.folder ? "folder-item" : "file-item"}
          data-path={row.path}
          data-progress={leaves.get(row.path)?.progress}
          aria-level={row.level}
          aria-selected={row.path === selected}
          aria-expanded={row.folder ? !closed.has(row.path) : undefined}
          tabIndex={row.path === stop ? 0 : -1}
          title={leaves.get(row.path)?.purpose || row.path}
          onClick={() => activate(row)}
          onKeyDown={(event) => onKeyDown(event, row, at)}
          style={{ paddingLeft: `${row.level * 14}px` }}
          className="flex h-7 items-center gap-1.5 pr-3 text-sm outline-offset-[-2px] select-none hover:bg-sunken aria-selected:bg-accent-soft aria-selected:font-medium"
        >
          <Icon row={row} open={!closed.has(row.path)} />
          <span
            className={`truncate ${leaves.get(row.path)?.progress === "planned" ? "pr-0.5 text-muted italic" : ""}`}
          >
            {row.name}
          </span>
          {leaves.get(row.path)?.edited === true && (
            <span className="ml-auto flex">
              <Unsaved />
            </span>
          )}
          {leaves.get(row.path)?.progress === "writing" && (
            <span
              role="img"
              aria-label="being written"
              className="ml-auto size-2 shrink-0 breathe rounded-full bg-chalk-fill"
            />
          )}
        </li>
      ))}
    </ul>
  );
}

function Icon({ row, open }: { row: Row; open: boolean }) {
  return row.folder ? (
    <ChevronRight
      aria-hidden
      size={15}
      className={`shrink-0 text-muted transition-transform ${open ? "rotate-90" : ""}`}
    />
  ) : (
    <FileCode2 aria-hidden size={15} className="shrink-0 text-muted" />
  );
}

function parentOf(rows: readonly Row[], at: number): Row | undefined {
  const level = rows[at]?.level ?? 1;
  return rows.slice(0, at).findLast((row) => row.level < level);
}
