import { AppWindow } from "lucide-react";
import { useState } from "react";

import { pictureOf } from "../project/project-list";
import type { Project } from "../server/api";

/** How a project's app looked last; a quiet mark in its place where nobody has seen it. */
export function ProjectPicture({ project }: { project: Project }) {
  const address = pictureOf(project);
  const [failed, setFailed] = useState<string | null>(null);
  return (
    <div
      data-testid="project-picture"
      className="mat flex aspect-[8/5] shrink-0 items-center justify-center self-start overflow-hidden max-sm:w-28 max-sm:rounded-md sm:w-full"
    >
      {address === null || address === failed ? (
        <AppWindow aria-hidden size={22} className="text-on-mat-muted" />
      ) : (
        <img
          src={address}
          alt={`How ${project.name} looked last`}
          width={640}
          height={400}
          loading="lazy"
          decoding="async"
          onError={() => setFailed(address)}
          className="size-full object-cover object-top"
        />
      )}
    </div>
  );
}
