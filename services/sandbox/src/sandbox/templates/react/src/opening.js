// Runs where an app is going to be, before it is there, and shows nothing: a browser that has run
// the packages before has them compiled when the app comes.
import { StrictMode, createElement, useEffect, useMemo, useReducer, useRef, useState } from "react";
import { createRoot } from "react-dom/client";
import { jsxDEV } from "react/jsx-dev-runtime";

function Item({ text, onPick }) {
  const [picked, setPicked] = useState(false);
  useEffect(() => setPicked(true), []);
  return createElement("li", { className: picked ? "picked" : "", onClick: onPick }, text);
}

function App() {
  const [items, add] = useReducer((all, one) => [...all, one], ["one", "two"]);
  const place = useRef(null);
  const count = useMemo(() => items.length, [items]);
  useEffect(() => add("three"), []);
  const list = items.map((text, key) => createElement(Item, { key, text, onPick: () => add(text) }));
  return jsxDEV("main", {
    ref: place,
    style: { margin: 0 },
    children: [
      createElement("h1", { key: "title" }, count),
      createElement("ul", { key: "list" }, list),
      createElement("input", { key: "input", defaultValue: "", onChange: () => undefined }),
    ],
  });
}

createRoot(document.createElement("div")).render(createElement(StrictMode, null, createElement(App)));
