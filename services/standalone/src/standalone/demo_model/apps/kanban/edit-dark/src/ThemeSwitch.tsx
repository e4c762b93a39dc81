import { useEffect, useState } from "react";

const KEY = "flowboard.theme";

function load(): boolean {
  try {
    return localStorage.getItem(KEY) !== "light";
  } catch {
    return true; // private windows may refuse storage
  }
}

/** The page is dark until somebody switches it; this browser remembers the choice. */
export function ThemeSwitch() {
  const [isDark, setIsDark] = useState(load);

  useEffect(() => {
    const theme = isDark ? "dark" : "light";
    document.documentElement.dataset["theme"] = theme;
    try {
      localStorage.setItem(KEY, theme);
    } catch {
      // see load()
    }
  }, [isDark]);

  return (
    <nav aria-label="Appearance">
      <button
        type="button"
        id="theme"
        className="theme"
        aria-pressed={isDark}
        onClick={() => setIsDark(!isDark)}
      >
        Dark mode
      </button>
    </nav>
  );
}
