import { useState, type FormEvent } from "react";

import { TAGS, type Card, type Tag } from "./board";

interface Props {
  onAdd: (card: Card) => void;
}

export function CardForm({ onAdd }: Props) {
  const [title, setTitle] = useState("");
  const [tag, setTag] = useState<Tag>("idea");

  function submit(event: FormEvent) {
    event.preventDefault();
    const trimmed = title.trim();
    if (trimmed === "") return;
    const id = `${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 8)}`;
    onAdd({ id, title: trimmed, tag, lane: "todo" });
    setTitle("");
  }

  return (
    <form className="composer" onSubmit={submit}>
      <label className="visually-hidden" htmlFor="new-card">
        New card
      </label>
      <input
        id="new-card"
        value={title}
        maxLength={120}
        placeholder="What needs doing?"
        autoComplete="off"
        onChange={(event) => setTitle(event.target.value)}
      />
      <label className="visually-hidden" htmlFor="new-tag">
        Kind
      </label>
      <select
        id="new-tag"
        value={tag}
        onChange={(event) => setTag(event.target.value as Tag)}
      >
        {TAGS.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
      <button type="submit" id="add-card">
        Add card
      </button>
    </form>
  );
}
