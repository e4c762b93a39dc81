import { FileQuestion } from "lucide-react";

import { sizeOf } from "../../../units";

const IMAGES: Record<string, string> = {
  avif: "image/avif",
  gif: "image/gif",
  ico: "image/x-icon",
  jpeg: "image/jpeg",
  jpg: "image/jpeg",
  png: "image/png",
  webp: "image/webp",
};

interface BinaryFileProps {
  path: string;
  /** In base64. */
  content: string;
}

/** A file that is no text: a picture is shown, of others their size. */
export function BinaryFile({ path, content }: BinaryFileProps) {
  const end = path.split(".").at(-1)?.toLowerCase() ?? "";
  const type = IMAGES[end];
  const size = sizeOf(Math.floor((content.replace(/=+$/, "").length * 3) / 4));
  return (
    <figure
      className="m-auto flex max-h-full min-h-0 flex-col items-center gap-3 p-6"
      data-testid="binary-file"
      data-path={path}
    >
      {type === undefined ? (
        <FileQuestion aria-hidden size={40} className="text-muted" />
      ) : (
        <img
          src={`data:${type};base64,${content}`}
          alt={path}
          className="max-h-96 min-h-0 max-w-full rounded border border-line bg-[repeating-conic-gradient(var(--sunken)_0_25%,transparent_0_50%)] bg-[length:16px_16px] object-contain"
        />
      )}
      <figcaption className="text-sm text-muted">
        {path}, {size}
      </figcaption>
    </figure>
  );
}
