import { useEffect, useRef } from "react";

import { Editor } from "./editor";

interface CodeViewProps {
  path: string;
  text: string;
  /** While it stays the same, *text* only grows. */
  revision: number;
  growing: boolean;
}

/** A file in the editor, which is loaded with this module. */
export default function CodeView({ path, text, revision, growing }: CodeViewProps) {
  const host = useRef<HTMLDivElement>(null);
  const editor = useRef<Editor | null>(null);

  useEffect(() => {
    if (host.current === null) return undefined;
    const made = new Editor(host.current);
    editor.current = made;
    return () => {
      made.destroy();
      editor.current = null;
    };
  }, []);

  useEffect(() => {
    editor.current?.show(path, text, revision, growing);
  }, [path, text, revision, growing]);

  return (
    <div
      ref={host}
      data-testid="code-view"
      data-path={path}
      data-length={text.length}
      className="min-h-0 flex-1 overflow-hidden"
    />
  );
}
