import { AppWindow } from "lucide-react";
import { useState } from "react";

import type { Project } from "../api";
import { pictureOf } from "../project-list";

/** How a project's app looked last; a quiet mark in its place where nobody has seen it. */
export function ProjectPicture({ project }: { project: Project }) {
  const address = pictureOf(project);
  const [failed, setFailed] = useState<string | null>(null);
  return (
    <div
      data-testid="project-picture"
      className="flex aspect-[8/5] w-24 shrink-0 items-center justify-center overflow-hidden rounded-md border border-line bg-sunken sm:w-28"
    >
      {address === null || address === failed ? (
        <AppWindow aria-hidden size={18} className="text-muted" />
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
