/** The pages, and who may see them. */

import type { QueryClient } from "@tanstack/react-query";
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  redirect,
} from "@tanstack/react-router";

import { safeNext } from "./pending";
import { sessionQuery } from "./server/auth";
import { Landing } from "./views/landing";
import { Broken, Missing, Shell, Waiting } from "./views/shell";

interface Context {
  queries: QueryClient;
}

const root = createRootRouteWithContext<Context>()({
  component: Shell,
  errorComponent: Broken,
  notFoundComponent: Missing,
});

/** Sends people without a session to sign in, and back afterwards. */
async function signedInOnly({
  context,
  location,
}: {
  context: Context;
  location: { href: string };
}): Promise<void> {
  const user = await context.queries.query(sessionQuery);
  if (user === null) throw redirect({ to: "/sign-in", search: { next: location.href } });
}

/** Sends people with a session on to where they wanted to go. */
async function signedOutOnly({
  context,
  search,
}: {
  context: Context;
  search: { next?: string };
}): Promise<void> {
  const user = await context.queries.query(sessionQuery);
  if (user !== null) throw redirect({ href: safeNext(search.next) });
}

function nextSearch(search: Record<string, unknown>): { next?: string } {
  return typeof search.next === "string" ? { next: search.next } : {};
}

const landing = createRoute({
  getParentRoute: () => root,
  path: "/",
  component: Landing,
});

const signIn = createRoute({
  getParentRoute: () => root,
  path: "/sign-in",
  validateSearch: nextSearch,
  beforeLoad: signedOutOnly,
  component: lazyRouteComponent(() => import("./views/sign"), "SignIn"),
});

const signUp = createRoute({
  getParentRoute: () => root,
  path: "/sign-up",
  validateSearch: (search: Record<string, unknown>): { next?: string; invitation?: string } => ({
    ...nextSearch(search),
    ...(typeof search.invitation === "string" && { invitation: search.invitation }),
  }),
  beforeLoad: signedOutOnly,
  component: lazyRouteComponent(() => import("./views/sign"), "SignUp"),
});

const projects = createRoute({
  getParentRoute: () => root,
  path: "/projects",
  /** With `import`, the dialog to import one is open. */
  validateSearch: (search: Record<string, unknown>): { import?: true } =>
    search.import === true ? { import: true } : {},
  beforeLoad: signedInOnly,
  component: lazyRouteComponent(() => import("./views/projects"), "Projects"),
});

const accountPage = createRoute({
  getParentRoute: () => root,
  path: "/account",
  beforeLoad: signedInOnly,
  component: lazyRouteComponent(() => import("./views/account"), "Account"),
});

const administrationPage = createRoute({
  getParentRoute: () => root,
  path: "/administration",
  beforeLoad: signedInOnly,
  component: lazyRouteComponent(() => import("./views/administration"), "Administration"),
});

/** Makes a project of the prompt that was kept through sign-up. */
const begin = createRoute({
  getParentRoute: () => root,
  path: "/new",
  beforeLoad: signedInOnly,
  component: lazyRouteComponent(() => import("./views/begin"), "Begin"),
});

const workspace = createRoute({
  getParentRoute: () => root,
  path: "/projects/$projectId",
  validateSearch: (search: Record<string, unknown>): { start?: true } =>
    search.start === true ? { start: true } : {},
  beforeLoad: signedInOnly,
  component: lazyRouteComponent(() => import("./views/workspace"), "WorkspacePage"),
});

const settingsPage = createRoute({
  getParentRoute: () => root,
  path: "/projects/$projectId/settings",
  beforeLoad: signedInOnly,
  component: lazyRouteComponent(() => import("./views/settings"), "SettingsPage"),
});

const routes = root.addChildren([
  landing,
  signIn,
  signUp,
  projects,
  accountPage,
  administrationPage,
  begin,
  workspace,
  settingsPage,
]);

export function makeRouter(queries: QueryClient) {
  return createRouter({
    routeTree: routes,
    context: { queries },
    defaultPreload: "intent",
    defaultPreloadStaleTime: 0,
    defaultPendingComponent: Waiting,
    defaultErrorComponent: Broken,
    scrollRestoration: true,
  });
}

declare module "@tanstack/react-router" {
  interface Register {
    router: ReturnType<typeof makeRouter>;
  }
}
