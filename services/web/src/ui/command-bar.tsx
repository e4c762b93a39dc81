import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Command as CommandIcon } from "lucide-react";
import { lazy, Suspense, useMemo, useSyncExternalStore } from "react";

import { type Command, keysLabel, registry, useCommands, useShortcuts } from "../commands";
import { sessionQuery } from "../server/auth";
import { setTheme } from "../theme";
import { Button, IconButton } from "./button";
import { Dialog } from "./dialog";
import { Keys, type PaletteMode } from "./keys";

const Palette = lazy(() => import("./palette"));

type Page = "/" | "/projects" | "/account" | "/administration" | "/sign-in" | "/sign-up";
type Shown = PaletteMode | "shortcuts" | null;

/** What of the palette is open; the buttons that open it are in several places. */
class Opened {
  readonly #listeners = new Set<() => void>();
  #shown: Shown = null;

  readonly get = (): Shown => this.#shown;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  set(shown: Shown): void {
    this.#shown = shown;
    for (const listener of this.#listeners) listener();
  }
}

const opened = new Opened();

export function openPalette(mode: PaletteMode = "all"): void {
  opened.set(mode);
}

/** The palette, the shortcuts, and the commands that are the same on every page. */
export function CommandBar() {
  const shown = useSyncExternalStore(opened.subscribe, opened.get);
  useShortcuts();
  useCommands(useSiteCommands());
  const close = () => opened.set(null);
  if (shown === null) return null;
  if (shown === "shortcuts") return <Shortcuts onClose={close} />;
  return (
    <Suspense>
      <Palette key={shown} mode={shown} onClose={close} />
    </Suspense>
  );
}

function useSiteCommands(): readonly Command[] {
  const navigate = useNavigate();
  const session = useQuery(sessionQuery);
  const signedIn = session.data != null;
  return useMemo(() => {
    const go = (to: Page) => () =>
      void navigate({ to });
    const pages: Command[] = signedIn
      ? [
          { id: "go-projects", title: "Go to the projects", group: "Go", run: go("/projects") },
          {
            id: "import",
            title: "Import a project: zip or git",
            group: "Projects",
            run: () => void navigate({ to: "/projects", search: { import: true } }),
          },
          { id: "go-account", title: "Go to the account", group: "Go", run: go("/account") },
          {
            id: "go-administration",
            title: "Go to the administration: people, limits, models",
            group: "Go",
            run: go("/administration"),
          },
        ]
      : [
          { id: "go-sign-in", title: "Sign in", group: "Go", run: go("/sign-in") },
          { id: "go-sign-up", title: "Sign up", group: "Go", run: go("/sign-up") },
        ];
    return [
      {
        id: "palette",
        title: "Show all commands",
        group: "Help",
        keys: "Mod+K",
        run: () => opened.set(opened.get() === null ? "all" : null),
      },
      {
        id: "shortcuts",
        title: "Show the keyboard shortcuts",
        group: "Help",
        keys: "Mod+/",
        run: () => opened.set("shortcuts"),
      },
      ...pages,
      { id: "go-start", title: "Go to the start", group: "Go", run: go("/") },
      { id: "theme-light", title: "Light colours", group: "Look", run: () => setTheme("light") },
      { id: "theme-dark", title: "Dark colours", group: "Look", run: () => setTheme("dark") },
      {
        id: "theme-system",
        title: "Colours as the system",
        group: "Look",
        run: () => setTheme("system"),
      },
    ];
  }, [navigate, signedIn]);
}

/** Opens the palette, for those who have no keyboard at hand. */
export function PaletteButton() {
  return (
    <IconButton
      label={`Commands (${keysLabel("Mod+K")})`}
      onClick={() => openPalette()}
      data-testid="palette-open"
    >
      <CommandIcon aria-hidden size={17} />
    </IconButton>
  );
}

/** What the keys do here and now. */
function Shortcuts({ onClose }: { onClose: () => void }) {
  const commands = registry.all().filter(({ keys }) => keys !== undefined);
  return (
    <Dialog title="Keyboard shortcuts" onClose={onClose}>
      <dl className="grid grid-cols-[1fr_auto] items-center gap-x-6 gap-y-2 text-sm" data-testid="shortcuts">
        {commands.map(({ id, title, keys = "" }) => (
          <div key={id} className="contents">
            <dt>{title}</dt>
            <dd className="text-right">
              <Keys keys={keys} />
            </dd>
          </div>
        ))}
      </dl>
      <p className="mt-4 text-sm text-muted">
        Tab moves between the parts of the page, arrow keys move within tabs, trees and borders.
        In the editor, Tab leaves it; {keysLabel("Mod+]")} and {keysLabel("Mod+[")} indent.
      </p>
      <div className="mt-4 flex justify-end">
        <Button look="outline" size="small" onClick={onClose}>
          Close
        </Button>
      </div>
    </Dialog>
  );
}
