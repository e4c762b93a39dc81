import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useEffect, useRef } from "react";

import "@fontsource-variable/jetbrains-mono";

import { api, ApiError } from "../../server/api";
import { sessionQuery } from "../../server/auth";
import { buttonClass } from "../../ui/button";
import { DemoBanner, IsolationNotice, Page, useTitle } from "../../ui/page";
import { Layout } from "./layout";
import { useProject } from "./use-project";

export function WorkspacePage() {
  const { projectId } = useParams({ from: "/projects/$projectId" });
  return <Workspace key={projectId} projectId={projectId} />;
}

function Workspace({ projectId }: { projectId: string }) {
  const { start } = useSearch({ from: "/projects/$projectId" });
  const navigate = useNavigate();
  const queries = useQueryClient();
  const link = useProject(projectId);
  const { status, project } = link;
  const record = useQuery({
    queryKey: ["projects", projectId],
    queryFn: () => api.project(projectId),
  });
  const started = useRef(false);

  // A project that was just described is started as soon as there is a connection.
  useEffect(() => {
    if (start !== true || started.current || status.kind !== "open") return;
    if (!link.send({ type: "start_generation" })) return;
    started.current = true;
    void navigate({ to: ".", search: {}, replace: true });
  }, [start, status.kind, link, navigate]);

  // The session has ended, here or in another tab: sign in, then back to this page.
  const unauthorized = status.kind === "closed" && status.reason === "unauthorized";
  useEffect(() => {
    if (!unauthorized) return;
    queries.setQueryData(sessionQuery.queryKey, null);
    void navigate({ to: "/sign-in", search: { next: `/projects/${projectId}` } });
  }, [unauthorized, queries, navigate, projectId]);

  // A handshake that is refused before it begins looks like a lost connection: ask who we are.
  const lost = status.kind === "waiting" && status.attempt > 1;
  useEffect(() => {
    if (!lost) return;
    void queries.invalidateQueries({ queryKey: sessionQuery.queryKey });
  }, [lost, queries]);
  const session = useQuery(sessionQuery);
  const signedOut = lost && session.data === null;
  useEffect(() => {
    if (signedOut) void navigate({ to: "/sign-in", search: { next: `/projects/${projectId}` } });
  }, [signedOut, navigate, projectId]);

  const name = project.name ?? record.data?.name ?? "";
  useTitle(name);

  if (project.deleted) return <Gone title="This project was deleted" />;
  const missing = record.error instanceof ApiError && record.error.status === 404;
  if (missing || (status.kind === "closed" && status.reason === "forbidden")) {
    return <Gone title="No such project" />;
  }
  return (
    <div className="flex h-dvh flex-col">
      <DemoBanner />
      <IsolationNotice />
      <Layout
        projectId={projectId}
        link={link}
        name={name}
        description={project.description ?? record.data?.description ?? ""}
      />
    </div>
  );
}

function Gone({ title }: { title: string }) {
  return (
    <Page title={title}>
      <div className="mx-auto w-full max-w-md px-4 py-20" data-testid="project-gone">
        <h1 className="text-2xl font-semibold">{title}</h1>
        <p className="mt-2 mb-6 text-muted">It may have been deleted, or it belongs to somebody else.</p>
        <Link to="/projects" className={buttonClass()}>
          To your projects
        </Link>
      </div>
    </Page>
  );
}
