import { useCallback, useEffect, useRef, useState } from "react";

/** Within this distance of the end, new content scrolls into view. */
const NEAR_PX = 60;

/** Whether a scroller is kept at its end: until somebody scrolls up, and again once at the end. */
export class Stick {
  #stuck = true;
  #top = 0;

  get stuck(): boolean {
    return this.#stuck;
  }

  /** To be told of each scroll; content may have been added since it happened. */
  scrolled(element: HTMLElement): void {
    const up = element.scrollTop < this.#top - 1;
    this.#top = element.scrollTop;
    const rest = element.scrollHeight - element.scrollTop - element.clientHeight;
    if (rest < NEAR_PX) this.#stuck = true;
    else if (up) this.#stuck = false;
  }

  toEnd(element: HTMLElement): void {
    this.#stuck = true;
    element.scrollTop = element.scrollHeight;
    this.#top = element.scrollTop;
  }
}

/** A scroller that stays at its end while it grows, unless somebody has scrolled away. */
export function useStickToEnd<E extends HTMLElement>() {
  const element = useRef<E | null>(null);
  const stick = useRef<Stick | null>(null);
  const [atEnd, setAtEnd] = useState(true);
  const cleanup = useRef<() => void>(undefined);

  const ref = useCallback((node: E | null) => {
    cleanup.current?.();
    element.current = node;
    if (node === null) return;
    const kept = (stick.current ??= new Stick());
    const onScroll = () => {
      kept.scrolled(node);
      setAtEnd(kept.stuck);
    };
    const follow = () => {
      if (kept.stuck) kept.toEnd(node);
    };
    const grown = new MutationObserver(follow);
    grown.observe(node, { childList: true, subtree: true, characterData: true });
    const resized = new ResizeObserver(follow);
    resized.observe(node);
    node.addEventListener("scroll", onScroll, { passive: true });
    cleanup.current = () => {
      grown.disconnect();
      resized.disconnect();
      node.removeEventListener("scroll", onScroll);
    };
  }, []);
  useEffect(() => () => cleanup.current?.(), []);

  const toEnd = useCallback(() => {
    setAtEnd(true);
    if (element.current !== null) stick.current?.toEnd(element.current);
  }, []);
  return { ref, atEnd, toEnd };
}
