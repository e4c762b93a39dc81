import "@fontsource-variable/instrument-sans";
import "./styles.css";

import { MutationCache, QueryCache, QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { makeRouter } from "./router";
import { ApiError } from "./server/api";
import { sessionQuery } from "./server/auth";
import { configQuery } from "./server/config";

/** A session that has ended sends to sign in: the router asks again who may see the page. */
function onError(error: unknown): void {
  if (!(error instanceof ApiError && error.status === 401)) return;
  queries.setQueryData(sessionQuery.queryKey, null);
  void router.invalidate();
}

const queries: QueryClient = new QueryClient({
  queryCache: new QueryCache({ onError }),
  mutationCache: new MutationCache({ onError }),
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      // A refusal stays one; only what may pass is tried again.
      retry: (failures, error) =>
        failures < 2 && !(error instanceof ApiError && error.status >= 400 && error.status < 500),
    },
  },
});
const router = makeRouter(queries);

// A part of the page that is gone belongs to an older build: load the newer one, but not in a circle.
const RELOADED = "atelier.reloadedAt";
const RELOAD_PAUSE_MS = 10_000;
window.addEventListener("vite:preloadError", (event) => {
  if (Date.now() - Number(sessionStorage.getItem(RELOADED)) < RELOAD_PAUSE_MS) return;
  event.preventDefault();
  sessionStorage.setItem(RELOADED, String(Date.now()));
  location.reload();
});

// What decides where things stand is there before the first paint, so that nothing moves after it.
const FONTS = ["400", "500", "600"].map((weight) => `${weight} 1em "Instrument Sans Variable"`);
const PATIENCE_MS = 1_500;
await Promise.race([
  Promise.allSettled([
    queries.query(configQuery),
    queries.query(sessionQuery),
    ...FONTS.map((font) => document.fonts.load(font)),
  ]),
  new Promise((resolve) => {
    setTimeout(resolve, PATIENCE_MS);
  }),
]);

const root = document.getElementById("root");
if (root === null) throw new Error("The page has no #root");
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <RouterProvider router={router} />
    </QueryClientProvider>
  </StrictMode>,
);
