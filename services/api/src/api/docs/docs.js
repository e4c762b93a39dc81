// Shows /api/openapi.json and sends requests. Everything is text: nothing of the document
// or of an answer is ever taken for HTML.
"use strict";

function make(name, properties = {}, ...children) {
  const node = Object.assign(document.createElement(name), properties);
  node.append(...children);
  return node;
}

function heading(text) {
  return make("h3", { textContent: text });
}

function pretty(value) {
  return JSON.stringify(value, null, 2);
}

function needs(operation) {
  const names = operation.security.map((one) => {
    const [name, scopes] = Object.entries(one)[0];
    return scopes.length > 0 ? `${name} (${scopes.join(", ")})` : name;
  });
  return names.length > 0 ? names.join(" or ") : "anybody";
}

// The schema with what it refers to, so that it can be read without leafing.
function resolved(schema, components, seen = []) {
  if (Array.isArray(schema)) return schema.map((one) => resolved(one, components, seen));
  if (schema === null || typeof schema !== "object") return schema;
  const name = schema.$ref?.split("/").pop();
  if (name && seen.includes(name)) return { $ref: name };
  if (name) return resolved(components[name], components, [...seen, name]);
  const entries = Object.entries(schema).map(([key, one]) => [key, resolved(one, components, seen)]);
  return Object.fromEntries(entries);
}

function field(parameter) {
  const input = make("input", { placeholder: parameter.schema.format ?? parameter.schema.type ?? "" });
  input.dataset.name = parameter.name;
  input.dataset.place = parameter.in;
  input.setAttribute("aria-label", parameter.name);
  const about = make("td", { textContent: parameter.description ?? "" });
  return make("tr", {}, make("td", { textContent: parameter.name }), make("td", {}, input), about);
}

function address(path, inputs) {
  const query = new URLSearchParams();
  for (const { value, dataset } of inputs) {
    if (dataset.place === "path") path = path.replace(`{${dataset.name}}`, encodeURIComponent(value));
    if (dataset.place === "query" && value !== "") query.set(dataset.name, value);
  }
  return query.size > 0 ? `${path}?${query}` : path;
}

function headers(inputs, body) {
  const found = {};
  const token = document.getElementById("token").value.trim();
  if (token !== "") found.Authorization = `Bearer ${token}`;
  if (body !== null) found["Content-Type"] = body.dataset.type;
  for (const { value, dataset } of inputs) {
    if (dataset.place === "header" && value !== "") found[dataset.name] = value;
  }
  return found;
}

function save(blob, name) {
  const link = make("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  URL.revokeObjectURL(link.href);
}

async function send(method, path, form, body, output) {
  const inputs = [...form.querySelectorAll("input[data-place]")];
  output.textContent = "…";
  try {
    const answer = await fetch(address(path, inputs), {
      method,
      headers: headers(inputs, body),
      body: body?.files ? body.files[0] : body?.value,
      credentials: document.getElementById("token").value.trim() === "" ? "same-origin" : "omit",
    });
    const saved = answer.headers.get("content-disposition")?.match(/filename="(.*)"/);
    if (answer.ok && saved) {
      save(await answer.blob(), saved[1]);
      output.textContent = `${answer.status} ${answer.statusText}\n\nSaved as ${saved[1]}`;
      return;
    }
    const text = await answer.text();
    const isJson = answer.headers.get("content-type")?.includes("json");
    output.textContent = `${answer.status} ${answer.statusText}\n\n${isJson ? pretty(JSON.parse(text)) : text}`;
  } catch (error) {
    output.textContent = String(error);
  }
}

function answers(operation, components) {
  const rows = Object.entries(operation.responses).map(([status, response]) => {
    return make("tr", {}, make("td", { textContent: status }), make("td", { textContent: response.description }));
  });
  const nodes = [heading("Answers"), make("table", {}, ...rows)];
  for (const [type, content] of Object.entries(Object.values(operation.responses)[0].content ?? {})) {
    if (content.example === undefined) continue;
    nodes.push(heading(`Such as (${type})`), make("pre", { textContent: pretty(content.example) }));
    const schema = pretty(resolved(content.schema, components));
    nodes.push(make("details", {}, make("summary", { textContent: "Schema" }), make("pre", { textContent: schema })));
  }
  return nodes;
}

function fill(box, method, path, operation, components) {
  const form = make("div", { className: "body" });
  form.append(make("p", { className: "needs", textContent: `Who: ${needs(operation)}` }));
  if (operation.parameters.length > 0) {
    form.append(heading("Parameters"), make("table", {}, ...operation.parameters.map(field)));
  }
  const [type, content] = Object.entries(operation.requestBody?.content ?? {})[0] ?? [];
  let body = null;
  if (content?.schema.format === "binary") {
    body = make("input", { type: "file" });
    body.setAttribute("aria-label", "Body");
    form.append(heading(`Body (${type})`), body);
  } else if (content !== undefined) {
    body = make("textarea", { value: pretty(content.example ?? {}), spellcheck: false });
    body.setAttribute("aria-label", "Body");
    const schema = pretty(resolved(content.schema, components));
    const more = make("details", {}, make("summary", { textContent: "Schema" }), make("pre", { textContent: schema }));
    form.append(heading("Body"), body, more);
  }
  if (body !== null) body.dataset.type = type;
  const output = make("pre", { textContent: "" });
  output.setAttribute("aria-live", "polite");
  const button = make("button", { type: "button", textContent: "Send" });
  button.addEventListener("click", () => send(method, path, form, body, output));
  form.append(button, output, ...answers(operation, components));
  box.append(form);
}

function card(method, path, operation, components) {
  const summary = make(
    "summary",
    {},
    make("span", { className: "method", textContent: method }),
    make("span", { className: "path", textContent: path }),
    make("span", { className: "about", textContent: operation.summary }),
  );
  const box = make("details", { id: operation.operationId }, summary);
  box.dataset.words = [method, path, operation.summary, operation.operationId].join(" ").toLowerCase();
  box.addEventListener("toggle", () => fill(box, method, path, operation, components), { once: true });
  return box;
}

function show(openapi) {
  document.getElementById("about").textContent = openapi.info.description;
  const groups = new Map();
  for (const [path, methods] of Object.entries(openapi.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const tag = operation.tags[0];
      if (!groups.has(tag)) groups.set(tag, make("section", {}, make("h2", { textContent: tag })));
      groups.get(tag).append(card(method.toUpperCase(), path, operation, openapi.components.schemas));
    }
  }
  document.getElementById("operations").replaceChildren(...groups.values());
  const wanted = document.getElementById(location.hash.slice(1));
  if (wanted instanceof HTMLDetailsElement) wanted.open = true;
}

document.getElementById("filter").addEventListener("input", (event) => {
  const words = event.target.value.toLowerCase();
  for (const box of document.querySelectorAll("details[data-words]")) {
    box.hidden = !box.dataset.words.includes(words);
  }
});

fetch("/api/openapi.json")
  .then((answer) => answer.json())
  .then(show)
  .catch((error) => {
    document.getElementById("operations").textContent = String(error);
  });
