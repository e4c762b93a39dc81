import { useState } from "react";

import { LANES, neighbour, progress, type Card } from "./board";
import { CardForm } from "./CardForm";
import { Column } from "./Column";
import { matches, Search } from "./Search";
import { useBoard } from "./storage";

const TITLE = document.title;

export function App() {
  const [cards, dispatch] = useBoard();
  const [news, setNews] = useState("");
  const [query, setQuery] = useState("");
  const percent = progress(cards);

  function step(card: Card, steps: -1 | 1) {
    const lane = neighbour(card.lane, steps);
    if (lane === undefined) return;
    dispatch({ type: "move", id: card.id, lane, before: null });
    setNews(`Moved “${card.title}”.`);
  }

  return (
    <>
      <header className="masthead">
        <div>
          <h1>{TITLE}</h1>
          <p>Small steps, in plain sight.</p>
        </div>
        <label className="progress">
          <span>{percent} % done</span>
          <progress value={percent} max={100} />
        </label>
      </header>

      <main>
        <CardForm
          onAdd={(card) => {
            dispatch({ type: "add", card });
            setNews(`Added “${card.title}”.`);
          }}
        />
        <Search query={query} onChange={setQuery} />
        <div className="board">
          {LANES.map((lane) => (
            <Column
              key={lane}
              lane={lane}
              cards={cards.filter((card) => card.lane === lane && matches(card, query))}
              onDrop={(id, before) => dispatch({ type: "move", id, lane, before })}
              onStep={step}
              onRemove={(card) => {
                dispatch({ type: "remove", id: card.id });
                setNews(`Removed “${card.title}”.`);
              }}
            />
          ))}
        </div>
      </main>

      <p className="visually-hidden" role="status">
        {news}
      </p>
    </>
  );
}
