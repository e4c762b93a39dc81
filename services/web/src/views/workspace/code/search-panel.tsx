import { CaseSensitive, Regex, WholeWord } from "lucide-react";
import { useDeferredValue, useMemo, useRef, useState } from "react";

import { type Found, type Match, searchFiles, type SearchOptions } from "../../../project/search";
import { count, textOf } from "../../../project/state";
import { IconButton } from "../../../ui/button";
import { INPUT_CLASS } from "../../../ui/field";
import { useRows } from "../rows";
import type { Desk } from "../use-desk";

const OPTIONS = [
  { key: "caseSensitive", label: "Match case", icon: CaseSensitive },
  { key: "wholeWord", label: "Whole words", icon: WholeWord },
  { key: "regularExpression", label: "Regular expression", icon: Regex },
] as const;

const ROW_PX = 26;

/** Finds text in all files, as they are on the screen: with what was typed and not saved. */
export function SearchPanel({ desk, onOpen }: { desk: Desk; onOpen: Desk["openFile"] }) {
  const [query, setQuery] = useState("");
  const [options, setOptions] = useState<SearchOptions>({
    caseSensitive: false,
    wholeWord: false,
    regularExpression: false,
  });
  const deferred = useDeferredValue(query);
  const { files } = desk.project;
  const edits = desk.past ? undefined : desk.edits.edits;
  const found = useMemo(() => {
    const texts = [...files.values()].map(
      (file) => [file.path, edits?.get(file.path)?.text ?? textOf(file)] as const,
    );
    return searchFiles(
      texts.toSorted(([a], [b]) => a.localeCompare(b)),
      deferred,
      options,
    );
  }, [files, edits, deferred, options]);
  return (
    <div className="flex h-full min-h-0 flex-col" data-testid="search-panel">
      <div className="shrink-0 space-y-1.5 px-3 pb-2">
        <input
          id="search-files"
          type="search"
          aria-label="Search in all files"
          placeholder="Search in all files"
          value={query}
          onChange={(event) => setQuery(event.target.value)}
          data-testid="search-input"
          className={`${INPUT_CLASS} h-9 text-sm`}
        />
        <div className="flex items-center gap-0.5">
          {OPTIONS.map(({ key, label, icon: Icon }) => (
            <IconButton
              key={key}
              label={label}
              aria-pressed={options[key]}
              onClick={() => setOptions({ ...options, [key]: !options[key] })}
              className="size-7! aria-pressed:bg-accent-soft aria-pressed:text-accent"
            >
              <Icon aria-hidden size={16} />
            </IconButton>
          ))}
          <p role="status" className="ml-auto text-xs text-muted tabular-nums" data-testid="search-count">
            {summary(deferred, found)}
          </p>
        </div>
      </div>
      <Results found={found} onOpen={onOpen} />
    </div>
  );
}

function summary(query: string, { matches, more, problem }: Found): string {
  if (problem !== null) return problem;
  if (query === "") return "";
  if (matches.length === 0) return "Nothing found";
  const files = new Set(matches.map(({ path }) => path)).size;
  return `${matches.length}${more ? "+" : ""} in ${count(files, "file")}`;
}

type Row = { readonly path: string } | { readonly match: Match };

function Results({ found, onOpen }: { found: Found; onOpen: Desk["openFile"] }) {
  const rows = useMemo(() => rowsOf(found.matches), [found]);
  const scroller = useRef<HTMLDivElement>(null);
  const { from, to } = useRows(scroller, rows.length, ROW_PX);
  return (
    <div ref={scroller} className="min-h-0 flex-1 overflow-y-auto" data-testid="search-results">
      <ul className="relative" style={{ height: rows.length * ROW_PX }}>
        {rows.slice(from, to).map((row, at) => (
          <li
            key={keyOf(row)}
            className="absolute inset-x-0 h-[26px]"
            style={{ top: (from + at) * ROW_PX }}
          >
            {"path" in row ? (
              <p className="truncate px-3 pt-1 font-mono text-xs font-semibold" title={row.path}>
                {row.path}
              </p>
            ) : (
              <Result match={row.match} onOpen={onOpen} />
            )}
          </li>
        ))}
      </ul>
    </div>
  );
}

function Result({ match, onOpen }: { match: Match; onOpen: Desk["openFile"] }) {
  const { path, line, column, length, text, shownAt } = match;
  return (
    <button
      type="button"
      data-testid="search-result"
      data-path={path}
      data-line={line}
      onClick={() => onOpen(path, { line, column, length })}
      className="flex h-full w-full items-center gap-2 px-3 text-left text-xs outline-offset-[-2px] hover:bg-sunken"
    >
      <span className="w-8 shrink-0 text-right text-muted tabular-nums">{line}</span>
      <span className="truncate font-mono">
        {text.slice(0, shownAt)}
        <mark className="bg-[var(--hl-match)] text-ink">{text.slice(shownAt, shownAt + length)}</mark>
        {text.slice(shownAt + length)}
      </span>
    </button>
  );
}

function keyOf(row: Row): string {
  return "path" in row ? row.path : `${row.match.path}:${row.match.line}:${row.match.column}`;
}

function rowsOf(matches: readonly Match[]): Row[] {
  const rows: Row[] = [];
  let path = "";
  for (const match of matches) {
    if (match.path !== path) rows.push({ path: match.path });
    path = match.path;
    rows.push({ match });
  }
  return rows;
}
