import { useEffect, useReducer, type Dispatch } from "react";

import { FIRST_CARDS, LANES, reduce, TAGS, type Action, type Card } from "./board";

const KEY = "flowboard.cards";

function isCard(value: unknown): value is Card {
  if (typeof value !== "object" || value === null) return false;
  const card = value as Partial<Card>;
  return (
    typeof card.id === "string" &&
    typeof card.title === "string" &&
    LANES.some((lane) => lane === card.lane) &&
    TAGS.some((tag) => tag === card.tag)
  );
}

function load(): Card[] {
  try {
    const saved: unknown = JSON.parse(localStorage.getItem(KEY) ?? "null");
    return Array.isArray(saved) && saved.every(isCard) ? saved : FIRST_CARDS;
  } catch {
    return FIRST_CARDS; // private windows may refuse storage
  }
}

/** The board, kept in this browser. */
export function useBoard(): [Card[], Dispatch<Action>] {
  const [cards, dispatch] = useReducer(reduce, undefined, load);
  useEffect(() => {
    try {
      localStorage.setItem(KEY, JSON.stringify(cards));
    } catch {
      // see load()
    }
  }, [cards]);
  return [cards, dispatch];
}
