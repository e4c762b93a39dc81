import { useCallback, useEffect, useRef, useState } from "react";

/** Within this distance of the end, new content scrolls into view. */
const NEAR_PX = 60;

/** A scroller that stays at its end while it grows, unless somebody has scrolled away. */
export function useStickToEnd<E extends HTMLElement>() {
  const element = useRef<E | null>(null);
  const stuck = useRef(true);
  const [atEnd, setAtEnd] = useState(true);
  const cleanup = useRef<() => void>(undefined);

  const ref = useCallback((node: E | null) => {
    cleanup.current?.();
    element.current = node;
    if (node === null) return;
    const onScroll = () => {
      stuck.current = node.scrollHeight - node.scrollTop - node.clientHeight < NEAR_PX;
      setAtEnd(stuck.current);
    };
    const follow = () => {
      if (stuck.current) node.scrollTop = node.scrollHeight;
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
    stuck.current = true;
    setAtEnd(true);
    if (element.current !== null) element.current.scrollTop = element.current.scrollHeight;
  }, []);
  return { ref, atEnd, toEnd };
}
