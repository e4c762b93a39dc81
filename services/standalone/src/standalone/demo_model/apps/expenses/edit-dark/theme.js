// The page is dark until somebody switches it; this browser remembers the choice.

const THEME_KEY = "theme";
const themeButton = document.getElementById("theme");

function showTheme(theme) {
  document.documentElement.dataset.theme = theme;
  themeButton.setAttribute("aria-pressed", String(theme === "dark"));
}

function savedTheme() {
  try {
    return localStorage.getItem(THEME_KEY) === "light" ? "light" : "dark";
  } catch {
    return "dark"; // private windows may refuse storage
  }
}

themeButton.addEventListener("click", () => {
  const next = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  showTheme(next);
  try {
    localStorage.setItem(THEME_KEY, next);
  } catch {
    // see savedTheme()
  }
});

showTheme(savedTheme());
