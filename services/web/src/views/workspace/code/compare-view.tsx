import { useEffect, useRef, useState } from "react";

import { compare, type Compared, type Comparison } from "./comparison";

interface CompareViewProps extends Compared {
  /** Gives the comparison to whoever moves through it, null when it is gone. */
  onReady?: (comparison: Comparison | null) => void;
}

/** A comparison, which is loaded with this module. */
export default function CompareView({
  path,
  before,
  after,
  folded,
  narrow,
  onType,
  onReady,
}: CompareViewProps) {
  const host = useRef<HTMLDivElement>(null);
  const hooks = useRef({ onType, onReady });
  const [changes, setChanges] = useState<number | null>(null);
  // Where a person types, the text belongs to the view from the beginning on.
  const [first] = useState(after.text);
  const editable = onType !== undefined;
  const shownAfter = editable ? first : after.text;
  useEffect(() => {
    hooks.current = { onType, onReady };
  }, [onType, onReady]);

  useEffect(() => {
    if (host.current === null) return undefined;
    let gone = false;
    let made: Comparison | null = null;
    const compared: Compared = {
      path,
      before: { label: before.label, text: before.text },
      after: { label: after.label, text: shownAfter },
      folded,
      narrow,
      ...(editable && {
        onType: (text: string) => hooks.current.onType?.(text),
      }),
    };
    const show = async (parent: HTMLElement) => {
      const comparison = await compare(parent, compared);
      if (gone) {
        comparison.destroy();
        return;
      }
      made = comparison;
      setChanges(comparison.changes);
      hooks.current.onReady?.(comparison);
    };
    void show(host.current);
    return () => {
      gone = true;
      made?.destroy();
      hooks.current.onReady?.(null);
    };
  }, [path, before.label, before.text, after.label, shownAfter, folded, narrow, editable]);

  return (
    <div
      ref={host}
      data-testid="compare-view"
      data-path={path}
      data-changes={changes ?? undefined}
      className="min-h-0 flex-1 overflow-hidden"
    />
  );
}
