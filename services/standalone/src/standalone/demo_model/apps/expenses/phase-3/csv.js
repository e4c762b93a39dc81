// The entries as a table for spreadsheets (RFC 4180).

function cell(value) {
  // A leading =, +, - or @ would make a spreadsheet run the text as a formula.
  const text = String(value).replace(/^[=+\-@]/, "'$&");
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function toCsv(entries) {
  const rows = entries.map(({ day, name, category, cents }) => [
    day,
    name,
    category,
    (cents / 100).toFixed(2),
  ]);
  const table = [["day", "name", "category", "amount"], ...rows];
  return table.map((row) => row.map(cell).join(",") + "\r\n").join("");
}

/** Hand a text to the browser as a file to save. */
export function download(text, fileName) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = fileName;
  link.click();
  URL.revokeObjectURL(link.href);
}
