const MODES = {
  focus: { minutes: 25, ready: "Ready when you are", running: "Stay with it" },
  short: { minutes: 5, ready: "Time to stretch", running: "Look out of the window" },
  long: { minutes: 15, ready: "You have earned this", running: "Walk, drink, breathe" },
};
const ROUNDS_UNTIL_LONG_BREAK = 4;
const STORE = "deep-focus";

const byId = (id) => document.getElementById(id);
const clock = document.querySelector(".clock");
const title = document.title;

let mode = "focus";
let endsAt = 0; // a moment while running, 0 while standing still
let left = MODES.focus.minutes * 60_000;
let ticking = 0;
const today = load();

function load() {
  const fresh = { day: new Date().toDateString(), rounds: 0, minutes: 0, task: "" };
  try {
    const saved = JSON.parse(localStorage.getItem(STORE)) ?? fresh;
    return saved.day === fresh.day ? saved : { ...fresh, task: saved.task };
  } catch {
    return fresh; // private windows may refuse storage; the timer works without it
  }
}

function save() {
  try {
    localStorage.setItem(STORE, JSON.stringify(today));
  } catch {
    // see load()
  }
}

function clockText(milliseconds) {
  const seconds = Math.max(0, Math.ceil(milliseconds / 1000));
  const pad = (number) => String(number).padStart(2, "0");
  return `${pad(Math.floor(seconds / 60))}:${pad(seconds % 60)}`;
}

function render() {
  const running = endsAt > 0;
  const total = MODES[mode].minutes * 60_000;
  const started = left < total;
  const text = clockText(left);
  clock.dataset.state = running ? "running" : started ? "paused" : "idle";
  clock.style.setProperty("--left", 100 - (100 * left) / total);
  document.documentElement.dataset.mode = mode;
  document.title = running ? `${text} · ${title}` : title;
  byId("time").textContent = text;
  byId("start").textContent = running ? "Pause" : started ? "Resume" : "Start";
  setStatus(running, started);
  for (const button of document.querySelectorAll(".modes button")) {
    button.setAttribute("aria-pressed", String(button.dataset.mode === mode));
  }
}

function setStatus(running, started) {
  const { ready, running: busy } = MODES[mode];
  const task = mode === "focus" && today.task ? today.task : busy;
  const text = running ? task : started ? "Paused" : ready;
  // Written only when it changes, so that a screen reader says it once.
  if (byId("status").textContent !== text) byId("status").textContent = text;
}

function renderToday() {
  const done = today.rounds % ROUNDS_UNTIL_LONG_BREAK;
  const dots = Array.from({ length: ROUNDS_UNTIL_LONG_BREAK }, (_, index) => {
    const dot = document.createElement("li");
    dot.classList.toggle("done", index < done);
    dot.setAttribute("aria-label", index < done ? "done" : "to do");
    return dot;
  });
  byId("rounds").replaceChildren(...dots);
  byId("count").textContent = today.rounds;
  byId("minutes").textContent = `${today.minutes} min`;
}

function setMode(next) {
  mode = next;
  left = MODES[mode].minutes * 60_000;
  stop();
}

function start() {
  endsAt = Date.now() + left;
  ticking = setInterval(tick, 250);
  render();
}

function stop() {
  clearInterval(ticking);
  endsAt = 0;
  render();
}

function toggle() {
  if (endsAt > 0) {
    left = endsAt - Date.now();
    stop();
  } else {
    start();
  }
}

function tick() {
  left = endsAt - Date.now();
  if (left > 0) render();
  else finish();
}

function finish() {
  if (mode !== "focus") {
    setMode("focus");
    return;
  }
  today.rounds += 1;
  today.minutes += MODES.focus.minutes;
  save();
  renderToday();
  setMode(today.rounds % ROUNDS_UNTIL_LONG_BREAK === 0 ? "long" : "short");
}

byId("start").addEventListener("click", toggle);
byId("reset").addEventListener("click", () => setMode(mode));
byId("task").value = today.task;
byId("task").addEventListener("input", (event) => {
  today.task = event.target.value.trim();
  save();
  render();
});
document.querySelector(".modes").addEventListener("click", (event) => {
  if (event.target.dataset.mode) setMode(event.target.dataset.mode);
});
document.addEventListener("keydown", (event) => {
  if (event.target.closest("input, button") || event.ctrlKey || event.metaKey) return;
  if (event.code === "Space") {
    event.preventDefault();
    toggle();
  } else if (event.key.toLowerCase() === "r") {
    setMode(mode);
  }
});

render();
renderToday();
