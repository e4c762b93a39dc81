// The board and its rules: pure functions, no React.

export const LANES = ["todo", "doing", "done"] as const;
export type Lane = (typeof LANES)[number];

export const LANE_TITLES: Record<Lane, string> = {
  todo: "To do",
  doing: "In progress",
  done: "Done",
};

export const TAGS = ["idea", "design", "code", "chore"] as const;
export type Tag = (typeof TAGS)[number];

export interface Card {
  id: string;
  title: string;
  tag: Tag;
  lane: Lane;
}

export type Action =
  | { type: "add"; card: Card }
  | { type: "remove"; id: string }
  | { type: "move"; id: string; lane: Lane; before: string | null };

export const FIRST_CARDS: Card[] = [
  { id: "welcome", title: "Move this card with its arrow", tag: "idea", lane: "todo" },
  { id: "drag", title: "Drag a card to another column", tag: "design", lane: "todo" },
  { id: "write", title: "Write down what is on your mind", tag: "chore", lane: "todo" },
  { id: "reload", title: "Reload: the board remembers", tag: "code", lane: "doing" },
  { id: "start", title: "Open the board", tag: "chore", lane: "done" },
  { id: "coffee", title: "Make coffee", tag: "idea", lane: "done" },
];

/** The board after an action; cards of a lane keep the order of the array. */
export function reduce(cards: Card[], action: Action): Card[] {
  switch (action.type) {
    case "add":
      return [...cards, action.card];
    case "remove":
      return cards.filter((card) => card.id !== action.id);
    case "move": {
      const moved = cards.find((card) => card.id === action.id);
      if (moved === undefined || action.before === action.id) return cards;
      const others = cards.filter((card) => card.id !== action.id);
      const found = others.findIndex((card) => card.id === action.before);
      const place = found < 0 ? others.length : found;
      return others.toSpliced(place, 0, { ...moved, lane: action.lane });
    }
  }
}

/** The lane that many steps to the right of another one, if there is one. */
export function neighbour(lane: Lane, steps: -1 | 1): Lane | undefined {
  return LANES[LANES.indexOf(lane) + steps];
}

/** Whole per cent of the cards that are done. */
export function progress(cards: Card[]): number {
  const done = cards.filter((card) => card.lane === "done").length;
  return cards.length === 0 ? 0 : Math.round((100 * done) / cards.length);
}
