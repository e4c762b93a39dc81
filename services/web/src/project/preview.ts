/** Which preview addresses may be shown in a frame, and with which rights. */

const RIGHTS = "allow-scripts allow-forms allow-popups allow-modals";

export interface Frame {
  readonly src: string;
  readonly sandbox: string;
}

/** What the page of an opening says before the app comes in its place. */
const OPEN = "atelier:open";

/** Where the app is going to be whose opening is at *openingUrl*; null where that is no address. */
export function appOf(openingUrl: string | null): string | null {
  const url = openingUrl === null ? null : URL.parse("/", openingUrl);
  return url?.href ?? null;
}

/** Whether *frame*, and nobody else, has said that the app comes. */
export function saysOpen(event: MessageEvent, frame: Window | null): boolean {
  return frame !== null && event.source === frame && event.data === OPEN;
}

/**
 * How to show *previewUrl* on a page at *origin*; null where it is no address of the web.
 *
 * An app gets the storage of its own origin only because that is another one than ours: on ours it
 * could read the account's pages.
 */
export function frameOf(previewUrl: string | null, origin: string): Frame | null {
  const url = previewUrl === null ? null : URL.parse(previewUrl, origin);
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) return null;
  const own = url.origin === origin;
  return { src: url.href, sandbox: own ? RIGHTS : `${RIGHTS} allow-same-origin` };
}
