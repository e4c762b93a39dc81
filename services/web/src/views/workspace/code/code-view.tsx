import { useEffect, useRef } from "react";

import type { Problem } from "../../../project/problems";
import { Editor } from "./editor";

/** A place in a file to go to; each is another object. */
export interface Reveal {
  readonly path: string;
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
  readonly length: number;
}

interface CodeViewProps {
  path: string;
  text: string;
  growing: boolean;
  editable: boolean;
  reveal: Reveal | null;
  problems: readonly Problem[];
  onType: (path: string, text: string) => void;
}

/** A file in the editor, which is loaded with this module. */
export default function CodeView({
  path,
  text,
  growing,
  editable,
  reveal,
  problems,
  onType,
}: CodeViewProps) {
  const host = useRef<HTMLDivElement>(null);
  const editor = useRef<Editor | null>(null);
  const typed = useRef(onType);
  const revealed = useRef<Reveal | null>(null);
  useEffect(() => {
    typed.current = onType;
  }, [onType]);

  useEffect(() => {
    if (host.current === null) return undefined;
    const made = new Editor(host.current, (...change) => typed.current(...change));
    editor.current = made;
    return () => {
      made.destroy();
      editor.current = null;
    };
  }, []);

  useEffect(() => {
    editor.current?.show({ path, text, growing, editable, problems });
  }, [path, text, growing, editable, problems]);

  useEffect(() => {
    if (reveal === null || reveal === revealed.current || reveal.path !== path) return;
    revealed.current = reveal;
    editor.current?.reveal(reveal.line, reveal.column, reveal.length);
  }, [reveal, path]);

  return (
    <div
      ref={host}
      data-testid="code-view"
      data-path={path}
      data-length={text.length}
      data-editable={editable}
      className="min-h-0 flex-1 overflow-hidden"
    />
  );
}
