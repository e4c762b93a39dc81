/** Sending something large, with a look at how far it is; `fetch` does not tell. */

import { answered, unanswered } from "./api";

interface Upload {
  readonly path: string;
  readonly body: Blob;
  readonly type: string;
  readonly signal: AbortSignal;
  /** Called with the share that is sent, up to 1. */
  readonly onSent: (share: number) => void;
}

/** Posts *body* as it is, and returns what the server answers. */
export async function upload<T>(wanted: Upload): Promise<T> {
  return answered(await sent(wanted));
}

function sent({ path, body, type, signal, onSent }: Upload): Promise<Response> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const asked = new XMLHttpRequest();
    asked.open("POST", path);
    asked.setRequestHeader("accept", "application/json");
    asked.setRequestHeader("content-type", type);
    asked.upload.addEventListener("progress", ({ loaded, total }) => {
      if (total > 0) onSent(loaded / total);
    });
    asked.addEventListener("load", () => resolve(responseOf(asked)));
    asked.addEventListener("error", () => reject(unanswered()));
    asked.addEventListener("abort", () => reject(unanswered()));
    signal.addEventListener("abort", () => asked.abort());
    asked.send(body);
  });
}

/** The answer as `fetch` gives it, with the headers that are looked at. */
function responseOf(asked: XMLHttpRequest): Response {
  const headers = new Headers();
  for (const name of ["content-type", "retry-after"]) {
    const value = asked.getResponseHeader(name);
    if (value !== null) headers.set(name, value);
  }
  return new Response(asked.responseText, { status: asked.status, headers });
}
