import { LANE_TITLES, neighbour, type Card } from "./board";

interface Props {
  card: Card;
  onStep: (card: Card, steps: -1 | 1) => void;
  onRemove: (card: Card) => void;
}

export function CardView({ card, onStep, onRemove }: Props) {
  const previous = neighbour(card.lane, -1);
  const next = neighbour(card.lane, 1);

  return (
    <li
      className="card"
      data-card={card.id}
      data-tag={card.tag}
      draggable
      onDragStart={(event) => event.dataTransfer.setData("text/plain", card.id)}
    >
      <span className="tag">{card.tag}</span>
      <p>{card.title}</p>
      <div className="moves">
        {previous && (
          <button
            type="button"
            className="back"
            aria-label={`Move “${card.title}” to ${LANE_TITLES[previous]}`}
            onClick={() => onStep(card, -1)}
          >
            ←
          </button>
        )}
        {next && (
          <button
            type="button"
            className="forward"
            aria-label={`Move “${card.title}” to ${LANE_TITLES[next]}`}
            onClick={() => onStep(card, 1)}
          >
            →
          </button>
        )}
        <button
          type="button"
          className="remove"
          aria-label={`Remove “${card.title}”`}
          onClick={() => onRemove(card)}
        >
          ×
        </button>
      </div>
    </li>
  );
}
