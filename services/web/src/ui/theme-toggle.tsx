import { Monitor, Moon, Sun } from "lucide-react";

import { setTheme, type Theme, useTheme } from "../theme";
import { IconButton } from "./button";

const NEXT: Record<Theme, Theme> = { system: "light", light: "dark", dark: "system" };
const LABELS: Record<Theme, string> = {
  system: "Colours: as the system",
  light: "Colours: light",
  dark: "Colours: dark",
};
const ICONS: Record<Theme, typeof Sun> = { system: Monitor, light: Sun, dark: Moon };

export function ThemeToggle() {
  const theme = useTheme();
  const Icon = ICONS[theme];
  return (
    <IconButton label={LABELS[theme]} onClick={() => setTheme(NEXT[theme])}>
      <Icon aria-hidden size={17} />
    </IconButton>
  );
}
