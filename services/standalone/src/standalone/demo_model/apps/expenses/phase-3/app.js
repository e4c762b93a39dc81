import { budgetText, loadBudget, saveBudget } from "./budget.js";
import { categoryRows, dayBars } from "./charts.js";
import { download, toCsv } from "./csv.js";
import { money, parseMoney } from "./money.js";
import { add, all, CATEGORIES, clear, dayBefore, remove, subscribe, sum, thisMonth } from "./store.js";

const QUICK = [
  { name: "Coffee", cents: 350, category: "food" },
  { name: "Lunch", cents: 1250, category: "food" },
  { name: "Bus", cents: 280, category: "transport" },
];

const byId = (id) => document.getElementById(id);
const form = byId("entry-form");
let budget = loadBudget();

function element(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

function dayText(day) {
  if (day === dayBefore(0)) return "Today";
  if (day === dayBefore(1)) return "Yesterday";
  const options = { weekday: "short", day: "numeric", month: "short" };
  return new Date(`${day}T12:00`).toLocaleDateString(undefined, options);
}

function entryRow(entry) {
  const category = CATEGORIES.find(({ id }) => id === entry.category) ?? CATEGORIES[0];
  const dot = element("span", { className: "dot", title: category.name });
  dot.style.setProperty("--dot", category.hue);
  const button = element("button", { type: "button", className: "remove", textContent: "×" });
  button.setAttribute("aria-label", `Remove ${entry.name}, ${money(entry.cents)}`);
  button.addEventListener("click", () => {
    remove(entry.id);
    byId("news").textContent = `Removed ${entry.name}.`;
  });
  const row = element(
    "li",
    {},
    dot,
    element("span", { className: "name", textContent: entry.name }),
    element("span", { className: "day", textContent: dayText(entry.day) }),
    element("span", { className: "amount", textContent: money(entry.cents) }),
    button,
  );
  row.dataset.name = entry.name;
  return row;
}

function categoryName(id) {
  return CATEGORIES.find((category) => category.id === id)?.name ?? "";
}

/** The entries whose name or category holds every word of the search. */
function found() {
  const words = byId("search").value.toLowerCase().split(/\s+/);
  return all().filter((entry) => {
    const text = `${entry.name} ${categoryName(entry.category)}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

function renderBudget(spent) {
  const meter = byId("budget-meter");
  meter.hidden = budget === null;
  meter.max = budget ?? 1;
  meter.high = 0.85 * meter.max;
  meter.optimum = 0;
  meter.value = spent;
  meter.setAttribute("aria-label", "Spent of the budget");
  byId("budget-text").textContent = budgetText(budget, spent);
}

function render() {
  const entries = all();
  const shown = found();
  renderBudget(sum(thisMonth()));
  byId("month-name").textContent = new Date().toLocaleDateString(undefined, {
    month: "long",
    year: "numeric",
  });
  byId("month-total").textContent = money(sum(thisMonth()));
  byId("days").replaceChildren(...dayBars(entries));
  byId("categories").replaceChildren(...categoryRows(thisMonth()));
  byId("entries").replaceChildren(...shown.map(entryRow));
  byId("empty").hidden = shown.length > 0;
  byId("empty").textContent =
    entries.length > 0 ? "No entry fits the search." : "Nothing yet. The first entry is the hardest.";
  byId("clear").hidden = entries.length === 0;
}

function save(entry) {
  add(entry);
  byId("news").textContent = `Added ${entry.name}, ${money(entry.cents)}.`;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const { amount, name, category, day } = form.elements;
  const cents = parseMoney(amount.value);
  byId("form-error").textContent =
    cents === null ? "Write the amount as a number, for example 12.50." : "";
  if (cents === null) {
    amount.focus();
    return;
  }
  save({ cents, name: name.value.trim(), category: category.value, day: day.value });
  amount.value = "";
  name.value = "";
  amount.focus();
});

byId("search").addEventListener("input", render);
byId("export").addEventListener("click", () => {
  download(toCsv(found()), `ledger-${dayBefore()}.csv`);
});
byId("budget").value = budget === null ? "" : (budget / 100).toFixed(2);
byId("budget").addEventListener("input", (event) => {
  budget = parseMoney(event.target.value);
  saveBudget(budget);
  render();
});
byId("clear").addEventListener("click", () => {
  if (confirm("Remove every entry?")) clear();
});

form.elements.category.append(...CATEGORIES.map(({ id, name }) => new Option(name, id)));
form.elements.day.value = dayBefore();
document.querySelector(".quick").append(
  ...QUICK.map((entry) => {
    const text = `${entry.name} ${money(entry.cents)}`;
    const button = element("button", { type: "button", textContent: text });
    button.dataset.quick = entry.name;
    button.addEventListener("click", () => save({ ...entry, day: dayBefore() }));
    return button;
  }),
);

subscribe(render);
render();
