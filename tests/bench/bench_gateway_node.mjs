// A gateway as one would write it with `ws` and the NATS client for Node: who is it, may
// it, one pair of subscriptions for each project, messages in the words of the browser,
// each built once and sent to all; who comes gets what it missed, and the open file. It
// does less than ours: nobody is slow to it, and what the bus loses stays lost.
import { createServer } from "node:http";
import { createRequire } from "node:module";

const require = createRequire(process.argv[2]);
const { WebSocketServer } = require("ws");
const { connect } = require("@nats-io/transport-node");

const nats = await connect({ servers: process.env.NATS_URL });
const rooms = new Map();

async function ask(subject, question) {
  const answer = await nats.request(subject, JSON.stringify(question), { timeout: 5000 });
  return answer.json();
}

function enter(projectId) {
  let room = rooms.get(projectId);
  if (room) return room;
  room = { clients: new Set(), head: 0, place: null };
  rooms.set(projectId, room);
  room.opened = ask(`live.${projectId}.open_file`, {}).then((file) => {
    if (file.path) room.place = { path: file.path, attempt: file.attempt, runId: file.run_id, text: file.text };
  });
  room.subscriptions = [
    nats.subscribe(`evt.*.${projectId}`, { callback: (_, message) => onEvents(room, message) }),
    nats.subscribe(`progress.${projectId}.*`, { callback: (_, message) => onProgress(room, message) }),
  ];
  return room;
}

function leave(projectId, room, client) {
  room.clients.delete(client);
  if (room.clients.size > 0) return;
  for (const subscription of room.subscriptions) subscription.unsubscribe();
  rooms.delete(projectId);
}

function tell(room, message) {
  const text = Buffer.from(JSON.stringify(message));
  for (const client of room.clients) client.send(text, { binary: false });
}

function words(recorded) {
  const { message_id: messageId, content } = recorded.data;
  const { seq, at } = recorded;
  return { type: "message_posted", data: { messageId, content, images: [] }, seq, at };
}

function onEvents(room, message) {
  for (const recorded of message.json()) {
    if (recorded.seq !== room.head + 1) continue;
    room.head = recorded.seq;
    tell(room, words(recorded));
  }
}

function onProgress(room, message) {
  const progress = message.json();
  const { path, attempt, run_id: runId } = progress;
  if (progress.type === "file_started") {
    room.place = { path, attempt, runId, text: "" };
    tell(room, { type: "file_start", data: { path } });
  } else if (progress.type === "file_text") {
    const place = room.place;
    if (place?.path !== path || place.attempt !== attempt || place.runId !== runId) return;
    if (progress.offset !== place.text.length) return;
    place.text += progress.text;
    tell(room, { type: "file_chunk", data: { path, chunk: progress.text } });
  }
}

const http = createServer((_, response) => response.end("ready"));
const server = new WebSocketServer({ server: http, perMessageDeflate: false });
server.on("connection", async (client, request) => {
  const projectId = request.url.split("/")[2].split("?")[0];
  const token = decodeURIComponent(/session_token=([^;]*)/.exec(request.headers.cookie)[1]);
  const session = await ask("auth.verify", { token });
  if (session.type !== "verified") return client.close(4001, "Unauthorized");
  const room = enter(projectId);
  const actor = { kind: "user", id: session.user_id };
  const query = (query) => ask(`query.${projectId}.${query.type}`, { project_id: projectId, actor, query });
  const answer = await query({ type: "project" });
  if (answer.type !== "project") return client.close(4003, "Forbidden");
  room.head ||= answer.project.version;
  await room.opened;
  const after = /[?&]after=(\d+)/.exec(request.url);
  let seq = after ? Number(after[1]) : room.head;
  client.on("close", () => leave(projectId, room, client));
  const say = (message) => client.send(JSON.stringify(message));
  say({ type: "agent_connected", data: { projectId } });
  while (seq < room.head) {
    const page = await query({ type: "history", after: seq, limit: 200 });
    for (const recorded of page.events) {
      say(words(recorded));
      seq = recorded.seq;
    }
  }
  if (room.place) {
    const { path, text } = room.place;
    say({ type: "file_start", data: { path } });
    if (text) say({ type: "file_chunk", data: { path, chunk: text } });
  }
  room.clients.add(client);
});
http.listen(Number(process.env.HTTP_PORT), "127.0.0.1");
