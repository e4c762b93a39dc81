import { useEffect, useEffectEvent, useState } from "react";

/**
 * Takes files that are dropped anywhere on the page, and says whether some are held over it.
 *
 * A browser leaves the page for a file that nobody takes. Dialogs and the editor take their own.
 */
export function useDroppedFiles(take: (files: readonly File[]) => void): boolean {
  const [held, setHeld] = useState(false);
  const taken = useEffectEvent(take);
  useEffect(() => {
    const onOver = (event: DragEvent) => {
      if (!isForThePage(event)) return;
      event.preventDefault();
      setHeld(true);
    };
    const onLeave = (event: DragEvent) => {
      // From one element to the next there is one; out of the window there is none.
      if (event.relatedTarget === null) setHeld(false);
    };
    const onDrop = (event: DragEvent) => {
      setHeld(false);
      if (!isForThePage(event)) return;
      event.preventDefault();
      taken([...(event.dataTransfer?.files ?? [])]);
    };
    window.addEventListener("dragover", onOver);
    window.addEventListener("dragleave", onLeave);
    window.addEventListener("drop", onDrop);
    return () => {
      window.removeEventListener("dragover", onOver);
      window.removeEventListener("dragleave", onLeave);
      window.removeEventListener("drop", onDrop);
    };
  }, []);
  return held;
}

function isForThePage({ dataTransfer, defaultPrevented, target }: DragEvent): boolean {
  if (defaultPrevented || dataTransfer?.types.includes("Files") !== true) return false;
  return !(target instanceof Element && target.closest("dialog") !== null);
}
