// The files that this person has chosen and not sent: by conversation, in the order in which they were chosen. They go
// up at once, so that they are there when the message is written.

import { api, upload } from "./rest.js";

export const MOST_FILES = 10; // with one message
const AT_ONCE = 2, PATIENCE_MS = 90_000, BASE_MS = 1000, CAP_MS = 30_000, LOOK_AGAIN_MS = 3000;
const BLOCKED = {
  infected: "A virus was found in it. It cannot be sent.",
  unscannable: "It could not be checked for viruses. It cannot be sent.",
};

const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
const comesLater = ({ code, retryAfterMs }) => code === "no_connection" || Boolean(retryAfterMs);

function formOf({ conversationId, file, durationMs, waveform }) { // the file comes last
  const form = new FormData();
  form.append("conversationId", conversationId);
  if (durationMs !== undefined) form.append("durationMs", `${durationMs}`);
  if (waveform) form.append("waveform", JSON.stringify(waveform));
  form.append("file", file, file.name);
  return form;
}

// A folder, and a file that is gone meanwhile, fail like a lost connection; only reading tells.
async function requireReadable(file) {
  await file.slice(0, 1).arrayBuffer().catch(() => { throw new Error("This file cannot be read."); });
}

export class Uploads {
  #on; #items = new Map(); #lastKey = 0;

  // `on`: changed(), progressed(item), settled(item), failed(error).
  constructor(on) { this.#on = on; }

  get size() { return this.#items.size; }

  // An item is {key, name, state, part, words?, attachment?, isVoice}. `state`: waiting, uploading (`part` of it has
  // gone; between two attempts `words` say why), checking (for viruses), ready (`attachment` can be sent), refused
  // (`words` say why), broken (as refused, and another attempt may succeed).
  of(conversationId) { return [...this.#items.values()].filter((item) => item.conversationId === conversationId); }

  // `recorded`: {durationMs, waveform} of a voice message.
  add(conversationId, file, recorded = null) {
    const key = `upload-${++this.#lastKey}`, isVoice = Boolean(recorded);
    const item = { key, conversationId, file, name: file.name, isVoice, part: 0, ...recorded };
    this.#items.set(key, Object.assign(item, { state: "waiting", stop: new AbortController() }));
    this.#goOn();
  }

  again(key) {
    Object.assign(this.#items.get(key), { state: "waiting", words: "" });
    this.#goOn();
  }

  mend() { // there is a connection again
    for (const { key, state } of [...this.#items.values()]) if (state === "broken") this.again(key);
  }

  remove(key) {
    const { stop, attachment } = this.#items.get(key);
    this.#items.delete(key);
    stop.abort();
    if (attachment) this.discard([attachment]);
    this.#goOn();
  }

  forget(conversationId) { // whoever is no longer in it has nothing there; the server removes what was not sent
    for (const { key, stop } of this.of(conversationId)) {
      this.#items.delete(key);
      stop.abort();
    }
  }

  take(conversationId) { // they go with a message now
    const items = this.of(conversationId);
    for (const { key } of items) this.#items.delete(key);
    return items;
  }

  async discard(attachments) {
    for (const { id } of attachments) {
      await api("DELETE", `/attachments/${id}`).catch((error) => error.status === 404 || this.#on.failed(error));
    }
  }

  #goOn() {
    const items = [...this.#items.values()];
    const room = AT_ONCE - items.filter(({ state }) => state === "uploading").length;
    for (const item of items.filter(({ state }) => state === "waiting").slice(0, Math.max(0, room))) this.#bring(item);
    this.#on.changed();
  }

  async #bring(item) {
    const { signal } = item.stop;
    Object.assign(item, { state: "uploading", part: 0 });
    try {
      item.attachment = await this.#insist(item);
      if (signal.aborted) return this.discard([item.attachment]); // removed a moment ago
      item.state = "checking";
      this.#goOn();
      await this.#awaitVerdict(item);
      item.state = "ready";
    } catch (error) {
      Object.assign(item, { state: comesLater(error) ? "broken" : "refused", words: error.message });
    }
    if (signal.aborted) return; // removed, by the person
    this.#on.settled(item);
    this.#goOn();
  }

  async #insist(item) {
    const { signal } = item.stop, progressed = (part) => this.#on.progressed(Object.assign(item, { part }));
    // The server may keep the places of uploads that broke off for a minute.
    const until = Date.now() + PATIENCE_MS;
    for (let attempt = 1; ; attempt++) {
      try { return await upload("/attachments", formOf(item), { signal, progressed }); } catch (error) {
        if (signal.aborted || !comesLater(error) || Date.now() > until) throw error;
        await requireReadable(item.file);
        this.#tell(item, { part: 0, words: `${error.message} Trying again…` });
        await pause(error.retryAfterMs ?? Math.min(CAP_MS, BASE_MS * 2 ** attempt));
        signal.throwIfAborted();
        this.#tell(item, { words: "" });
      }
    }
  }

  #tell(item, news) {
    Object.assign(item, news);
    this.#on.changed();
  }

  async #awaitVerdict(item) {
    for (let ms = LOOK_AGAIN_MS; item.attachment.status === "scanning"; ms = Math.min(CAP_MS, 2 * ms)) {
      await pause(ms);
      item.stop.signal.throwIfAborted();
      try { item.attachment = await api("GET", `/attachments/${item.attachment.id}`); } catch (error) {
        if (!comesLater(error)) throw error;
      }
    }
    if (item.attachment.status !== "clean") throw new Error(BLOCKED[item.attachment.status]);
  }
}
