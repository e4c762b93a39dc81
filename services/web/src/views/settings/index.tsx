import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { ArrowLeft, Download } from "lucide-react";

import { api, ApiError } from "../../server/api";
import { configQuery } from "../../server/config";
import { exportPath } from "../../server/files-api";
import { limitsQuery } from "../../server/limits";
import { models, settings } from "../../server/settings-api";
import { buttonClass } from "../../ui/button";
import { Page } from "../../ui/page";
import { Section } from "../../ui/section";
import { Missing } from "../shell";
import { Choices } from "./choices";
import { Variables } from "./variables";

/** What a project may use and spend, what its app is told, and how to take it along. */
export function SettingsPage() {
  const { projectId } = useParams({ from: "/projects/$projectId/settings" });
  const project = useQuery({
    queryKey: ["projects", projectId],
    queryFn: () => api.project(projectId),
  });
  const chosen = useQuery({
    queryKey: ["settings", projectId],
    queryFn: () => settings.get(projectId),
  });
  const limits = useQuery(limitsQuery);
  const isolation = useQuery(configQuery).data?.isolation ?? null;
  const list = useQuery({ queryKey: ["models"], queryFn: models, retry: false });
  if (project.error instanceof ApiError && project.error.status === 404) return <Missing />;
  return (
    <Page title={`Settings of ${project.data?.name ?? "the project"}`}>
      <div className="mx-auto w-full max-w-3xl flex-1 px-4 pt-6 pb-10 sm:px-6">
        <Link
          to="/projects/$projectId"
          params={{ projectId }}
          className="inline-flex items-center gap-1.5 rounded text-sm text-muted hover:text-ink"
          data-testid="settings-back"
        >
          <ArrowLeft aria-hidden size={15} />
          Back to the project
        </Link>
        <h1 className="mt-2 mb-8 truncate text-2xl font-semibold tracking-tight">
          {project.data === undefined ? "Settings" : `Settings of ${project.data.name}`}
        </h1>
        {/* All at once: what is below must not move. */}
        {!chosen.isPending && !limits.isPending && (
          <>
            <Choices projectId={projectId} chosen={chosen} models={list} house={limits.data?.limits} />
            <Variables projectId={projectId} />
            <Section
              title="Take it along"
              about="The files as they are now, or everything that was written, as a git repository."
              testId="export"
            >
              <div className="flex flex-wrap gap-3">
                <a href={exportPath(projectId, "zip")} download className={buttonClass("outline", "small")} data-testid="export-zip">
                  <Download aria-hidden size={15} /> Files (.zip)
                </a>
                <a href={exportPath(projectId, "git")} download className={buttonClass("outline", "small")} data-testid="export-git">
                  <Download aria-hidden size={15} /> History (.bundle)
                </a>
              </div>
              <p className="mt-3 text-sm text-muted">
                Git reads the history with <code className="font-mono">git clone NAME.bundle</code>: a
                commit for each phase and each edit.
              </p>
            </Section>
            {isolation !== null && (
              <Section
                title="How its app is run"
                about="What keeps it apart from the machine, and from other people's apps."
                testId="isolation"
              >
                <p className="text-sm">{isolation.charAt(0).toUpperCase() + isolation.slice(1)}.</p>
              </Section>
            )}
          </>
        )}
      </div>
    </Page>
  );
}
