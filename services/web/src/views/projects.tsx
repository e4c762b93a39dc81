import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useSearch } from "@tanstack/react-router";
import { Pencil, Trash2 } from "lucide-react";
import { type FormEvent, useState } from "react";

import { recall, remember } from "../memory";
import { chosen, EVERYTHING, type ListChoice, type Sort, type Status, statusOf } from "../project/project-list";
import { api, type Project } from "../server/api";
import { ago } from "../time";
import { Button, IconButton } from "../ui/button";
import { Dialog } from "../ui/dialog";
import { Field } from "../ui/field";
import { Notice, Unloaded } from "../ui/notice";
import { Page } from "../ui/page";
import { PromptBox } from "../ui/prompt-box";
import { isRunState, StateBadge } from "../ui/state-badge";
import { useCreateProject } from "./begin";
import { ImportProject } from "./import-project";
import { ProjectPicture } from "./project-picture";

const PROJECTS = ["projects"];
/** While something is being built, the list shows how it gets on. */
const POLL_MS = 4_000;

export function Projects() {
  const create = useCreateProject();
  const importing = useSearch({ from: "/projects" }).import === true;
  const projects = useQuery({
    queryKey: PROJECTS,
    queryFn: api.projects,
    refetchInterval: (query) => (query.state.data?.some(busy) === true ? POLL_MS : false),
  });
  return (
    <Page title="Projects">
      <div className="mx-auto w-full max-w-6xl flex-1 px-4 pt-6 pb-16 sm:px-6">
        <div className="mb-6 flex items-center justify-between gap-3">
          <h1 className="text-2xl font-semibold tracking-tight">Projects</h1>
          <ImportProject open={importing} />
        </div>
        <PromptBox
          label="What should the next app do?"
          action="Build it"
          busy={create.isPending}
          onSubmit={(prompt) => create.mutate(prompt)}
        />
        {create.error !== null && (
          <div className="mt-3">
            <Notice>{create.error.message}</Notice>
          </div>
        )}
        <div className="mt-10">
          <List
            projects={projects.data}
            problem={projects.error}
            retry={() => void projects.refetch()}
            now={projects.dataUpdatedAt}
          />
        </div>
      </div>
    </Page>
  );
}

function busy(project: Project): boolean {
  return statusOf(project) === "running";
}

interface ListProps {
  projects: Project[] | undefined;
  problem: Error | null;
  retry: () => void;
  now: number;
}

const SORTS: Record<Sort, string> = {
  changed: "Last changed",
  created: "Newest",
  name: "Name",
};
const STATUSES: Record<Status, string> = {
  all: "Any status",
  running: "Under way",
  ready: "Ready",
  failed: "Failed",
  idle: "Idle",
};
const KEPT_SORT = "atelier.projectSort";
const SELECT =
  "h-10 rounded-md border border-control bg-surface px-2.5 text-sm max-sm:flex-1";

function List({ projects, problem, retry, now }: ListProps) {
  const [choice, setChoice] = useState<ListChoice>(() => {
    const kept = recall(KEPT_SORT);
    const sort = typeof kept === "string" && Object.hasOwn(SORTS, kept) ? (kept as Sort) : "changed";
    return { ...EVERYTHING, sort };
  });
  if (projects === undefined && problem !== null) {
    return (
      <Unloaded message={problem.message} retry={retry} />
    );
  }
  if (projects === undefined) return <Skeleton />;
  if (projects.length === 0) {
    return (
      <div className="mat rounded-xl px-6 py-14 text-center" data-testid="projects-empty">
        <p className="text-lg font-medium">Nothing on the mat yet</p>
        <p className="mt-1 text-on-mat-muted">Describe your first app above and it appears here.</p>
      </div>
    );
  }
  const shown = chosen(projects, choice);
  return (
    <>
      <search className="mb-4 flex flex-wrap gap-2">
        <input
          type="search"
          aria-label="Search projects"
          placeholder="Search projects"
          value={choice.query}
          onChange={(event) => setChoice({ ...choice, query: event.target.value })}
          data-testid="project-search"
          className="h-10 min-w-40 flex-1 basis-full rounded-md border sm:basis-40 border-control bg-surface px-3 text-sm placeholder:text-muted"
        />
        <select
          aria-label="Status"
          value={choice.status}
          onChange={(event) => setChoice({ ...choice, status: event.target.value as Status })}
          data-testid="project-status"
          className={SELECT}
        >
          {Object.entries(STATUSES).map(([status, label]) => (
            <option key={status} value={status}>
              {label}
            </option>
          ))}
        </select>
        <select
          aria-label="Order"
          value={choice.sort}
          onChange={(event) => {
            remember(KEPT_SORT, event.target.value);
            setChoice({ ...choice, sort: event.target.value as Sort });
          }}
          data-testid="project-sort"
          className={SELECT}
        >
          {Object.entries(SORTS).map(([sort, label]) => (
            <option key={sort} value={sort}>
              {label}
            </option>
          ))}
        </select>
      </search>
      {shown.length === 0 ? (
        <div className="rounded-xl border border-line bg-surface px-6 py-10 text-center" data-testid="projects-none">
          <p className="text-muted">No project fits.</p>
          <Button
            size="small"
            look="outline"
            className="mt-3"
            onClick={() => setChoice({ ...EVERYTHING, sort: choice.sort })}
          >
            Show all
          </Button>
        </div>
      ) : (
        <ul className={GRID}>
          {shown.map((project) => (
            <Item key={project.id} project={project} now={now} />
          ))}
        </ul>
      )}
    </>
  );
}

const GRID = "grid gap-3 sm:grid-cols-2 sm:gap-5 lg:grid-cols-3";

function Skeleton() {
  return (
    <div role="status" aria-label="Loading projects" className={GRID}>
      {[0, 1, 2].map((card) => (
        <div key={card} className="breathe rounded-xl bg-sunken max-sm:h-28 sm:aspect-[10/9]" />
      ))}
    </div>
  );
}

function Item({ project, now }: { project: Project; now: number }) {
  const [open, setOpen] = useState<"rename" | "delete" | null>(null);
  return (
    <li
      data-testid="project-item"
      data-project={project.id}
      className="relative flex gap-x-3.5 overflow-hidden rounded-xl border border-line bg-surface outline-accent hover:border-accent has-[h2_a:focus-visible]:outline-2 has-[h2_a:focus-visible]:outline-offset-2 max-sm:p-3 sm:flex-col"
    >
      <ProjectPicture project={project} />
      <div className="flex min-w-0 flex-1 flex-col sm:px-4 sm:pt-3 sm:pb-3">
        <h2 className="truncate font-semibold">
          <Link
            to="/projects/$projectId"
            params={{ projectId: project.id }}
            className="outline-none after:absolute after:inset-0"
          >
            {project.name}
          </Link>
        </h2>
        <p className="mt-0.5 min-h-5 truncate text-sm text-muted" title={project.description}>
          {project.description}
        </p>
        <div className="mt-auto flex items-center gap-2 pt-2">
          {isRunState(project.status) && <StateBadge state={project.status} />}
          <span className="min-w-0 truncate text-sm text-muted">
            <Ago time={project.updatedAt} now={now} />
          </span>
          <span className="relative -mr-2 ml-auto flex shrink-0">
            <IconButton label={`Rename ${project.name}`} onClick={() => setOpen("rename")}>
              <Pencil aria-hidden size={16} />
            </IconButton>
            <IconButton label={`Delete ${project.name}`} onClick={() => setOpen("delete")}>
              <Trash2 aria-hidden size={16} />
            </IconButton>
          </span>
        </div>
      </div>
      {open === "rename" && <Rename project={project} onClose={() => setOpen(null)} />}
      {open === "delete" && <Delete project={project} onClose={() => setOpen(null)} />}
    </li>
  );
}

function Ago({ time, now }: { time: string; now: number }) {
  return (
    <time dateTime={time} title={new Date(time).toLocaleString()}>
      {ago(time, now)}
    </time>
  );
}

interface ItemDialogProps {
  project: Project;
  onClose: () => void;
}

function Rename({ project, onClose }: ItemDialogProps) {
  const queries = useQueryClient();
  const rename = useMutation({
    mutationFn: (name: string) => api.updateProject(project.id, { name }),
    onSuccess: async (changed) => {
      // The list is fed by the recorded change and may be a moment behind the answer.
      queries.setQueryData<Project[]>(PROJECTS, (all) =>
        all?.map((other) => (other.id === changed.id ? changed : other)),
      );
      onClose();
    },
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const name = String(new FormData(event.currentTarget).get("name")).trim();
    if (name === project.name) onClose();
    else if (name !== "") rename.mutate(name);
  };
  return (
    <Dialog title="Rename project" onClose={onClose}>
      <form onSubmit={submit} className="space-y-5">
        <Field label="Name" name="name" defaultValue={project.name} required maxLength={200} />
        {rename.error !== null && <Notice>{rename.error.message}</Notice>}
        <div className="flex justify-end gap-2">
          <Button look="outline" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" busy={rename.isPending} data-testid="rename-submit">
            Rename
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function Delete({ project, onClose }: ItemDialogProps) {
  const queries = useQueryClient();
  const remove = useMutation({
    mutationFn: () => api.deleteProject(project.id),
    onSuccess: async () => {
      queries.setQueryData<Project[]>(PROJECTS, (all) =>
        all?.filter((other) => other.id !== project.id),
      );
      onClose();
    },
  });
  return (
    <Dialog title="Delete project" onClose={onClose}>
      <p className="mb-5 text-muted">
        <strong className="font-semibold break-words text-ink">{project.name}</strong> is stopped
        and deleted with its files and conversation. This cannot be undone.
      </p>
      {remove.error !== null && (
        <div className="mb-5">
          <Notice>{remove.error.message}</Notice>
        </div>
      )}
      <div className="flex justify-end gap-2">
        <Button look="outline" onClick={onClose}>
          Keep it
        </Button>
        <Button
          look="danger"
          busy={remove.isPending}
          onClick={() => remove.mutate()}
          data-testid="delete-confirm"
        >
          Delete project
        </Button>
      </div>
    </Dialog>
  );
}
