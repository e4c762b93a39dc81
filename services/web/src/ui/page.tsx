import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { LogOut, UserRound, X } from "lucide-react";
import { type ReactNode, useEffect, useState } from "react";

import { forgetEdits, hasKeptEdits } from "../project/edit-store";
import { forgetLogs } from "../project/kept-log";
import { sessionQuery, signOut } from "../server/auth";
import { configQuery } from "../server/config";
import { Button, buttonClass, IconButton } from "./button";
import { PaletteButton } from "./command-bar";
import { Dialog } from "./dialog";
import { Mark } from "./logo";
import { ThemeToggle } from "./theme-toggle";

/** Names the page in the tab and for screen readers. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = title === "" ? "Atelier" : `${title} · Atelier`;
  }, [title]);
}

/** A page that scrolls, with the head of the site. */
export function Page({ title, children }: { title: string; children: ReactNode }) {
  useTitle(title);
  return (
    <div className="flex min-h-full flex-col">
      <DemoBanner />
      <IsolationNotice />
      <SiteHeader />
      <main id="main" tabIndex={-1} className="flex flex-1 flex-col outline-none">
        {children}
      </main>
    </div>
  );
}

function SiteHeader() {
  const session = useQuery(sessionQuery);
  const user = session.data ?? null;
  return (
    <header className="mx-auto flex h-16 w-full max-w-6xl items-center gap-2 px-4 sm:px-6">
      <Link to="/" className="mr-auto flex items-center gap-2.5 rounded-md font-semibold">
        <Mark />
        <span className="text-lg tracking-tight">Atelier</span>
      </Link>
      <PaletteButton />
      <ThemeToggle />
      {user !== null && (
        <>
          <Link to="/projects" className={buttonClass("quiet", "small")}>
            Projects
          </Link>
          <Link
            to="/account"
            aria-label="Account"
            title="Account"
            className={`${buttonClass("quiet", "small")} size-8 px-0!`}
            data-testid="account-link"
          >
            <UserRound aria-hidden size={17} />
          </Link>
          <SignOut name={user.name} />
        </>
      )}
      {user === null && !session.isPending && (
        <>
          <Link to="/sign-in" className={buttonClass("quiet", "small")}>
            Sign in
          </Link>
          <Link to="/sign-up" className={buttonClass("outline", "small")}>
            Sign up
          </Link>
        </>
      )}
    </header>
  );
}

function SignOut({ name }: { name: string }) {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const [asking, setAsking] = useState(false);
  const leave = async () => {
    await signOut();
    forgetEdits(localStorage);
    forgetLogs();
    queries.clear();
    await navigate({ to: "/" });
  };
  const ask = () => {
    if (hasKeptEdits(localStorage)) setAsking(true);
    else void leave();
  };
  return (
    <>
      <IconButton label={`Sign out ${name}`} onClick={ask} data-testid="sign-out">
        <LogOut aria-hidden size={17} />
      </IconButton>
      {asking && (
        <Dialog title="Sign out" onClose={() => setAsking(false)}>
          <p className="mb-5 text-muted">
            Some files have changes that were not saved. They are discarded when you sign out.
          </p>
          <div className="flex justify-end gap-2">
            <Button look="outline" onClick={() => setAsking(false)}>
              Stay
            </Button>
            <Button look="danger" onClick={() => void leave()} data-testid="sign-out-confirm">
              Discard and sign out
            </Button>
          </div>
        </Dialog>
      )}
    </>
  );
}

/** Says that generated apps can reach what this machine holds, where that is so. */
export function IsolationNotice() {
  const config = useQuery(configQuery);
  if (config.data?.appsApart !== false) return null;
  return (
    <aside
      aria-label="Isolation"
      data-testid="isolation-notice"
      className="bg-chalk-soft px-4 py-1 text-center text-sm max-sm:text-xs"
    >
      <p title={config.data.isolation ?? undefined}>
        <strong className="font-semibold">Apps are not isolated:</strong> they run as programs of
        this machine. Install <code className="font-semibold">bubblewrap</code> to keep them apart.
      </p>
    </aside>
  );
}

const HIDDEN = "atelier.demoBannerHidden";

/** Says that answers come from built-in apps, and how to change that. */
export function DemoBanner() {
  const [hidden, setHidden] = useState(() => sessionStorage.getItem(HIDDEN) !== null);
  const config = useQuery(configQuery);
  if (hidden || config.data?.demoModel !== true) return null;
  const hide = () => {
    sessionStorage.setItem(HIDDEN, "1");
    setHidden(true);
  };
  return (
    <aside
      aria-label="Demo model"
      data-testid="demo-banner"
      className="flex items-center gap-2 bg-chalk-soft px-4 py-1 text-sm max-sm:text-xs"
    >
      <p className="flex-1 text-center">
        <strong className="font-semibold">Demo model:</strong> answers come from three built-in apps. Set{" "}
        <code className="font-semibold">OPENROUTER_API_KEY</code> and restart to build anything.
      </p>
      <button
        type="button"
        aria-label="Hide"
        title="Hide"
        onClick={hide}
        className="grid size-7 shrink-0 place-items-center rounded-md hover:bg-chalk-fill/40"
      >
        <X aria-hidden size={16} />
      </button>
    </aside>
  );
}
