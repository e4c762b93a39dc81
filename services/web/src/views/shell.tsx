import { Link, Outlet, useRouter, useRouterState } from "@tanstack/react-router";
import { useEffect, useRef } from "react";

import { Button, buttonClass, Spinner } from "../ui/button";
import { CommandBar } from "../ui/command-bar";
import { Notice } from "../ui/notice";
import { Page } from "../ui/page";

/** Around every page: the skip link, and the focus that follows the page. */
export function Shell() {
  const path = useRouterState({ select: (state) => state.resolvedLocation?.pathname });
  const shown = useRef(path);

  useEffect(() => {
    if (shown.current !== undefined && shown.current !== path) {
      document.getElementById("main")?.focus({ preventScroll: true });
    }
    shown.current = path;
  }, [path]);

  return (
    <>
      <a
        href="#main"
        className="fixed top-2 left-2 z-50 -translate-y-20 rounded-md bg-accent px-4 py-2 font-medium text-on-accent focus:translate-y-0"
      >
        Skip to content
      </a>
      <Outlet />
      <CommandBar />
    </>
  );
}

export function Waiting() {
  return (
    <p role="status" className="flex h-full items-center justify-center gap-2 text-muted">
      <Spinner /> Loading
    </p>
  );
}

export function Missing() {
  return (
    <Page title="Not found">
      <div className="mx-auto w-full max-w-md px-4 py-20">
        <h1 className="text-2xl font-semibold">There is nothing at this address</h1>
        <p className="mt-2 mb-6 text-muted">The link may be old, or the project was deleted.</p>
        <Link to="/" className={buttonClass()}>
          To the start
        </Link>
      </div>
    </Page>
  );
}

export function Broken({ error }: { error: unknown }) {
  const router = useRouter();
  const message = error instanceof Error && error.message !== "" ? error.message : "Unknown error";
  return (
    <main id="main" className="mx-auto w-full max-w-xl px-4 py-20">
      <h1 className="mb-4 text-2xl font-semibold">This page could not be shown</h1>
      <Notice
        actions={
          <Button size="small" look="outline" onClick={() => void router.invalidate()}>
            Try again
          </Button>
        }
      >
        {message}
      </Notice>
    </main>
  );
}
