import { keysLabel } from "../commands";

/** What the palette offers: everything, or the files alone. */
export type PaletteMode = "all" | "files";

export function Keys({ keys }: { keys: string }) {
  return (
    <kbd className="shrink-0 rounded border pointer-coarse:hidden border-line bg-sunken px-1.5 py-0.5 font-sans text-xs text-muted">
      {keysLabel(keys)}
    </kbd>
  );
}
