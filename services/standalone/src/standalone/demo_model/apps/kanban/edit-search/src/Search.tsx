import type { Card } from "./board";

interface Props {
  query: string;
  onChange: (query: string) => void;
}

/** Whether the card's title or kind holds every word of the query. */
export function matches(card: Card, query: string): boolean {
  const text = `${card.title} ${card.tag}`.toLowerCase();
  return query
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

export function Search({ query, onChange }: Props) {
  return (
    <label className="search">
      <span className="visually-hidden">Search the cards</span>
      <input
        id="search"
        type="search"
        value={query}
        placeholder="Search the cards"
        onChange={(event) => onChange(event.target.value)}
      />
    </label>
  );
}
