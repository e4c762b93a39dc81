/** A connection to one project that comes back by itself and never misses a recorded message. */

import type { ClientMessage, ServerMessage } from "../contract";

export type SocketStatus =
  /** *attempt* is 0 the first time, else how often the connection was lost in a row. */
  | { readonly kind: "connecting"; readonly attempt: number }
  | { readonly kind: "open" }
  /** The connection is lost; *attempt* counts from 1, the next try is at *retryAt* (ms). */
  | { readonly kind: "waiting"; readonly attempt: number; readonly retryAt: number }
  | { readonly kind: "closed"; readonly reason: "unauthorized" | "forbidden" | "left" };

export interface SocketOptions {
  /** The address for everything after *after*. */
  readonly url: (after: number) => string;
  /** The seq of the last recorded message that was applied; asked at each connection. */
  readonly after: () => number;
  readonly onMessage: (message: ServerMessage) => void;
  readonly onStatus: (status: SocketStatus) => void;
}

const FIRST_DELAY_MS = 500;
const MAX_DELAY_MS = 15_000;
/** A connection that lasted this long was a good one: the next loss is a first one again. */
const STEADY_MS = 10_000;
/** No greeting within this time: the other side is not there. */
const GREETING_MS = 10_000;
/** Silence after which the server is asked for a sign of life. */
const QUIET_MS = 30_000;
const UNAUTHORIZED = 4001;
const FORBIDDEN = 4003;

export class ProjectSocket {
  readonly #options: SocketOptions;
  #socket: WebSocket | null = null;
  #status: SocketStatus = { kind: "connecting", attempt: 0 };
  #attempt = 0;
  #openedAt = 0;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #watch: ReturnType<typeof setTimeout> | undefined;

  constructor(options: SocketOptions) {
    this.#options = options;
  }

  connect(): void {
    this.#drop();
    this.#tell({ kind: "connecting", attempt: this.#attempt });
    const socket = new WebSocket(this.#options.url(this.#options.after()));
    this.#socket = socket;
    this.#watch = setTimeout(() => this.#lost(), GREETING_MS);
    socket.addEventListener("message", (event) => {
      if (socket === this.#socket) this.#receive(String(event.data));
    });
    socket.addEventListener("close", (event) => {
      if (socket === this.#socket) this.#closed(event.code);
    });
  }

  /** Says *message*; false where there is no connection to say it on. */
  send(message: ClientMessage): boolean {
    if (this.#status.kind !== "open" || this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  /** Connects now instead of at the end of the wait, if there is one. */
  retryNow(): void {
    if (this.#status.kind === "waiting") this.connect();
  }

  /** Gives the connection up for a new one: what came on it cannot be relied on. */
  resume(): void {
    if (this.#status.kind !== "closed") this.#lost();
  }

  close(): void {
    this.#end("left");
  }

  #receive(text: string): void {
    const message = parse(text);
    if (message === null) return;
    if (message.type === "agent_connected") {
      this.#openedAt = Date.now();
      this.#tell({ kind: "open" });
      this.#options.onMessage(message);
      // The answer's version tells when the replayed history is complete.
      this.send({ type: "get_state" });
    } else {
      this.#options.onMessage(message);
    }
    this.#listen();
  }

  #listen(): void {
    clearTimeout(this.#watch);
    this.#watch = setTimeout(() => {
      this.send({ type: "get_state" });
      this.#watch = setTimeout(() => this.#lost(), GREETING_MS);
    }, QUIET_MS);
  }

  #closed(code: number): void {
    if (code === UNAUTHORIZED) this.#end("unauthorized");
    else if (code === FORBIDDEN) this.#end("forbidden");
    else this.#lost();
  }

  #lost(): void {
    const steady = this.#status.kind === "open" && Date.now() - this.#openedAt >= STEADY_MS;
    this.#attempt = steady ? 1 : this.#attempt + 1;
    this.#drop();
    const delay = delayMs(this.#attempt, Math.random());
    this.#tell({ kind: "waiting", attempt: this.#attempt, retryAt: Date.now() + delay });
    this.#retry = setTimeout(() => this.connect(), delay);
  }

  #end(reason: "unauthorized" | "forbidden" | "left"): void {
    this.#drop();
    this.#tell({ kind: "closed", reason });
  }

  #drop(): void {
    clearTimeout(this.#retry);
    clearTimeout(this.#watch);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  #tell(status: SocketStatus): void {
    this.#status = status;
    this.#options.onStatus(status);
  }
}

/** The wait before try number *attempt*: doubling, bounded, and half of it by chance. */
export function delayMs(attempt: number, chance: number): number {
  const ceiling = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** (attempt - 1));
  return ceiling / 2 + (ceiling / 2) * chance;
}

/** The address of a project's socket beside the page at *origin*. */
export function socketUrl(origin: string, projectId: string, after: number): string {
  const url = new URL(`/ws/${encodeURIComponent(projectId)}`, origin);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.searchParams.set("after", String(after));
  return url.href;
}

function parse(text: string): ServerMessage | null {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || !("type" in value)) return null;
    if (typeof value.type !== "string") return null;
    const data = "data" in value ? value.data : {};
    return { ...value, data: data ?? {} } as ServerMessage;
  } catch {
    return null;
  }
}
