import { useMutation } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useEffect, useRef } from "react";

import { forgetPrompt, keptPrompt, nameOf } from "../pending";
import { api } from "../server/api";
import { Button, buttonClass, Spinner } from "../ui/button";
import { Notice } from "../ui/notice";
import { Page } from "../ui/page";

/** Makes a project of *prompt* and goes to it, to be started there. */
export function useCreateProject() {
  const navigate = useNavigate();
  return useMutation({
    mutationFn: (prompt: string) =>
      api.createProject({ name: nameOf(prompt), description: prompt }),
    onSuccess: async (project) => {
      forgetPrompt();
      await navigate({
        to: "/projects/$projectId",
        params: { projectId: project.id },
        search: { start: true },
      });
    },
  });
}

export function Begin() {
  const navigate = useNavigate();
  const create = useCreateProject();
  const asked = useRef(false);
  const prompt = keptPrompt();

  useEffect(() => {
    // Once: rendering a page twice must not make two projects.
    if (asked.current) return;
    asked.current = true;
    if (prompt === "") void navigate({ to: "/projects", replace: true });
    else create.mutate(prompt);
  }, [create, navigate, prompt]);

  return (
    <Page title="New project">
      <div className="mx-auto w-full max-w-xl px-4 py-20">
        {create.error === null ? (
          <p role="status" className="flex items-center justify-center gap-2 text-muted">
            <Spinner /> Preparing the project
          </p>
        ) : (
          <Notice
            actions={
              <>
                <Button size="small" onClick={() => create.mutate(prompt)}>
                  Try again
                </Button>
                <Link to="/" className={buttonClass("outline", "small")}>
                  Change the prompt
                </Link>
              </>
            }
          >
            {create.error.message}
          </Notice>
        )}
      </div>
    </Page>
  );
}
