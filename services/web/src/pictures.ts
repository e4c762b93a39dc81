/** Pictures that go with a message. */

import type { ImageData } from "./contract";

export interface Picture {
  readonly name: string;
  readonly image: ImageData;
  readonly size: number;
}

/** What the server takes of one message. */
export const MAX_PICTURES = 10;
export const MAX_BYTES = 5_000_000;

const TYPES: ReadonlySet<string> = new Set(["image/png", "image/jpeg", "image/webp"]);

export interface Taken {
  readonly pictures: readonly Picture[];
  /** Why some were left out; null where all were taken. */
  readonly problem: string | null;
}

/** *pictures* and as many of *files* as a message may have. */
export async function withFiles(
  pictures: readonly Picture[],
  files: readonly File[],
): Promise<Taken> {
  const fitting = files.filter(({ type }) => TYPES.has(type));
  let problem =
    fitting.length < files.length ? "Only PNG, JPEG and WebP pictures can be sent." : null;
  let room = MAX_BYTES - pictures.reduce((sum, { size }) => sum + size, 0);
  const chosen: File[] = [];
  for (const file of fitting) {
    if (pictures.length + chosen.length >= MAX_PICTURES) {
      problem = `A message takes at most ${MAX_PICTURES} pictures.`;
    } else if (file.size > room) {
      problem = "A message takes at most 5 MB of pictures.";
    } else {
      chosen.push(file);
      room -= file.size;
    }
  }
  return { pictures: [...pictures, ...(await Promise.all(chosen.map(read)))], problem };
}

async function read(file: File): Promise<Picture> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  let text = "";
  // In pieces: the arguments of a call are limited.
  for (let at = 0; at < bytes.length; at += 32_768) {
    text += String.fromCharCode(...bytes.subarray(at, at + 32_768));
  }
  const mediaType = file.type as ImageData["mediaType"];
  return { name: file.name, image: { mediaType, data: btoa(text) }, size: file.size };
}
