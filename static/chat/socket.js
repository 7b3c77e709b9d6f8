// The WebSocket side of the wire: one socket after another for as long as the person is signed in.

import { bearer, noConnection, WireError } from "./rest.js";

const RETRIED = new Set([1006, 1012, 1013, 4402, 4412, 4440]);
const SIGN_IN_AGAIN = new Set([4401, 4403, 4410]);
const BASE_MS = 500, CAP_MS = 30_000, STABLE_MS = 60_000;

const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

export class Connection {
  #on; #socket = null; #opening = false; #ready = false; #asked = new Map(); #lastId = 0;
  #attempt = 0; #openedAt = Infinity; #notBefore = 0; #silenceMs = 75_000; #expired = false; #timers = {};

  // `on`: resume() → {epoch, cursors} or null, opened(epoch), frame(frame), state(text, stopped), signedOut(code).
  constructor(on) { this.#on = on; }

  async open() {
    if (this.#socket || this.#opening) return;
    this.#opening = true;
    clearTimeout(this.#timers.retry);
    this.#on.state("Connecting…");
    const token = await bearer(this.#expired).catch((error) => error);
    if (!this.#opening) return; // closed meanwhile
    if (token instanceof Error) return this.#lost(token.status === 401 ? 4401 : 1006);
    const socket = this.#socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}/ws/chat`);
    const resume = this.#on.resume();
    socket.onopen = () => socket.send(JSON.stringify({ type: "auth", token, ...(resume && { resume }) }));
    socket.onmessage = ({ data }) => socket === this.#socket && this.#receive(JSON.parse(data));
    socket.onclose = ({ code }) => socket === this.#socket && this.#lost(code);
    this.#watch();
  }

  close() {
    Object.values(this.#timers).forEach(clearTimeout);
    const socket = this.#socket;
    this.#socket = null;
    this.#opening = this.#ready = false;
    socket?.close(1000);
    for (const { reject } of this.#asked.values()) reject(noConnection());
    this.#asked.clear();
  }

  // Without a connection the frame is dropped: the next connection starts from its own auth frame.
  send(frame) { if (this.#ready) this.#socket.send(JSON.stringify(frame)); }

  get ready() { return this.#ready; }

  // The reply's data; rejected with the reply's error, or as `no_connection` when the socket ends first.
  ask(event, data) {
    if (!this.#ready) return Promise.reject(noConnection());
    const id = `c${++this.#lastId}`;
    return new Promise((resolve, reject) => {
      this.#asked.set(id, { resolve, reject });
      this.send({ id, event, data });
    });
  }

  // The same, asked again for as long as the answer is "later".
  async insist(event, data) {
    try { return await this.ask(event, data); } catch (error) {
      if (!error.retryAfterMs) throw error;
      await pause(error.retryAfterMs);
      return this.insist(event, data);
    }
  }

  #receive(frame) {
    this.#watch();
    if ("replyTo" in frame) return this.#answer(frame);
    this.#controls[frame.type]?.(frame);
    this.#on.frame(frame);
  }

  #answer({ replyTo, data, error }) {
    const asked = this.#asked.get(replyTo);
    this.#asked.delete(replyTo);
    if (error) asked?.reject(new WireError(error)); else asked?.resolve(data);
  }

  #controls = {
    auth_success: ({ epoch, heartbeatMs }) => {
      if (this.#ready) return; // the answer to a renewed token
      this.#ready = true;
      this.#expired = false;
      this.#openedAt = Date.now();
      this.#silenceMs = 2.5 * heartbeatMs;
      this.#on.state("Connected");
      this.#on.opened(epoch);
    },
    auth_expiring: async () => {
      const socket = this.#socket;
      const token = await bearer(true).catch(() => null); // without one the socket ends with 4402 and is opened anew
      if (token && socket === this.#socket) this.send({ type: "auth", token });
    },
    ping: () => this.send({ type: "pong" }),
    drain: ({ reconnectInMs }) => {
      this.#notBefore = Date.now() + reconnectInMs;
      this.#timers.drain = setTimeout(() => this.#lost(1012), reconnectInMs);
    },
  };

  #watch() { // a dead link says nothing, and a browser notices only after minutes
    clearTimeout(this.#timers.silence);
    this.#timers.silence = setTimeout(() => this.#lost(1006), this.#silenceMs);
  }

  #lost(code) {
    this.close();
    if (SIGN_IN_AGAIN.has(code)) return this.#on.signedOut(code);
    if (!RETRIED.has(code)) return this.#on.state(`The server closed the connection (${code}).`, true);
    this.#expired = code === 4402;
    if (Date.now() - this.#openedAt > STABLE_MS) this.#attempt = 0;
    this.#openedAt = Infinity;
    const jittered = Math.random() * Math.min(CAP_MS, BASE_MS * 2 ** this.#attempt++); // full jitter
    this.#on.state("No connection. Trying again…");
    this.#timers.retry = setTimeout(() => this.open(), Math.max(jittered, this.#notBefore - Date.now()));
  }
}
