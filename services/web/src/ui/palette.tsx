import { Search } from "lucide-react";
import { type KeyboardEvent, useEffect, useId, useMemo, useRef, useState } from "react";

import { type Command, ranked, registry } from "../commands";
import { Keys, type PaletteMode } from "./keys";

interface PaletteProps {
  mode: PaletteMode;
  onClose: () => void;
}

/** Without a query, files are not listed: they are many. */
const FILES = "Files";
const MAX_SHOWN = 60;

/** Everything that can be done, found by typing. */
export default function Palette({ mode, onClose }: PaletteProps) {
  const [commands] = useState(() => registry.all());
  const [query, setQuery] = useState("");
  const [selected, setSelected] = useState(0);
  const dialog = useRef<HTMLDialogElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const id = useId();
  const shown = useMemo(() => {
    const wanted = commands.filter(({ group }) =>
      mode === "files" ? group === FILES : query.trim() !== "" || group !== FILES,
    );
    return ranked(wanted, query).slice(0, MAX_SHOWN);
  }, [commands, mode, query]);
  const current = Math.min(selected, shown.length - 1);

  useEffect(() => {
    const element = dialog.current;
    if (element === null) return undefined;
    element.showModal();
    return () => element.close();
  }, []);
  // Beside it is closed with the pointer; the keyboard has Escape.
  useEffect(() => {
    const element = dialog.current;
    if (element === null) return undefined;
    const onClick = (event: MouseEvent) => {
      if (event.target === element) onClose();
    };
    element.addEventListener("click", onClick);
    return () => element.removeEventListener("click", onClick);
  }, [onClose]);
  useEffect(() => {
    list.current?.children[current]?.scrollIntoView({ block: "nearest" });
  }, [current]);

  const run = (command: Command | undefined) => {
    if (command === undefined) return;
    onClose();
    // What it does may move the focus: that comes after the dialog has given it back.
    setTimeout(() => command.run());
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing) return;
    const moves: Record<string, number> = {
      ArrowDown: (current + 1) % Math.max(1, shown.length),
      ArrowUp: (current - 1 + shown.length) % Math.max(1, shown.length),
    };
    const next = moves[event.key];
    if (next !== undefined) setSelected(next);
    else if (event.key === "Enter") run(shown[current]);
    else return;
    event.preventDefault();
  };
  return (
    <dialog
      ref={dialog}
      aria-label={mode === "files" ? "Go to file" : "Commands"}
      data-testid="palette"
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      className="mt-[12vh] max-h-[70vh] w-[min(36rem,calc(100vw-2rem))] overflow-hidden rounded-xl border border-line bg-surface p-0 text-ink shadow-2xl backdrop:bg-black/50"
    >
      <div className="flex items-center gap-2.5 border-b border-line px-4">
        <Search aria-hidden size={18} className="shrink-0 text-muted" />
        <input
          // The dialog is opened to type into it.
          // oxlint-disable-next-line jsx-a11y/no-autofocus
          autoFocus
          role="combobox"
          aria-label={mode === "files" ? "File" : "Command"}
          aria-expanded
          aria-autocomplete="list"
          aria-controls={id}
          aria-activedescendant={shown.length === 0 ? undefined : `${id}-${current}`}
          placeholder={mode === "files" ? "Go to file" : "What do you want to do?"}
          value={query}
          onChange={(event) => {
            setQuery(event.target.value);
            setSelected(0);
          }}
          onKeyDown={onKeyDown}
          data-testid="palette-input"
          className="h-12 w-full bg-transparent outline-none placeholder:text-muted"
        />
      </div>
      {shown.length === 0 && (
        <p role="status" className="px-4 py-5 text-center text-sm text-muted">
          Nothing fits “{query}”.
        </p>
      )}
      <div
        ref={list}
        id={id}
        role="listbox"
        aria-label={mode === "files" ? "Files" : "Commands"}
        className={`max-h-[calc(70vh-3rem)] overflow-y-auto ${shown.length === 0 ? "" : "p-1.5"}`}
      >
        {shown.map((command, at) => (
          <div
            key={command.id}
            id={`${id}-${at}`}
            role="option"
            tabIndex={-1}
            aria-selected={at === current}
            data-testid="palette-item"
            data-command={command.id}
            onPointerMove={() => setSelected(at)}
            onClick={() => run(command)}
            onKeyDown={onKeyDown}
            className="flex min-h-9 cursor-pointer items-center gap-3 rounded-md px-3 py-1 text-sm aria-selected:bg-accent-soft"
          >
            <span className={`min-w-0 truncate ${command.group === FILES ? "font-mono text-[0.8125rem]" : ""}`}>
              {command.title}
            </span>
            <span className="ml-auto shrink-0 text-xs text-muted">{command.group}</span>
            {command.keys !== undefined && <Keys keys={command.keys} />}
          </div>
        ))}
      </div>
    </dialog>
  );
}
