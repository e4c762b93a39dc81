import { useState, type DragEvent } from "react";

import { LANE_TITLES, type Card, type Lane } from "./board";
import { CardView } from "./CardView";

interface Props {
  lane: Lane;
  cards: Card[];
  onDrop: (id: string, before: string | null) => void;
  onStep: (card: Card, steps: -1 | 1) => void;
  onRemove: (card: Card) => void;
}

export function Column({ lane, cards, onDrop, onStep, onRemove }: Props) {
  const [isOver, setIsOver] = useState(false);

  function drop(event: DragEvent<HTMLElement>) {
    event.preventDefault();
    setIsOver(false);
    const target = event.target instanceof Element ? event.target : null;
    const before = target?.closest<HTMLElement>("[data-card]")?.dataset["card"] ?? null;
    onDrop(event.dataTransfer.getData("text/plain"), before);
  }

  return (
    <section
      className={isOver ? "column over" : "column"}
      data-lane={lane}
      aria-labelledby={`${lane}-title`}
      onDragOver={(event) => {
        event.preventDefault();
        setIsOver(true);
      }}
      onDragLeave={() => setIsOver(false)}
      onDrop={drop}
    >
      <h2 id={`${lane}-title`}>
        {LANE_TITLES[lane]} <span className="count">{cards.length}</span>
      </h2>
      {cards.length === 0 ? (
        <p className="empty">Nothing here.</p>
      ) : (
        <ul>
          {cards.map((card) => (
            <CardView key={card.id} card={card} onStep={onStep} onRemove={onRemove} />
          ))}
        </ul>
      )}
    </section>
  );
}
