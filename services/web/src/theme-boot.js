// Runs before the first paint: the page must not flash in the wrong colours.
(function () {
  var dark = matchMedia("(prefers-color-scheme: dark)").matches;
  try {
    var chosen = localStorage.getItem("atelier.theme");
    if (chosen === "light" || chosen === "dark") dark = chosen === "dark";
  } catch {
    // Storage can be forbidden; the system's choice is fine.
  }
  document.documentElement.classList.toggle("dark", dark);
})();
