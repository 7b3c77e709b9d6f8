// Who people are, and how they are just now.

import { api } from "./rest.js";

const AT_ONCE = 200, MOST_WATCHED = 1000;

export class People {
  #connection; #aside; #names = new Map(); #presence = new Map(); #watched = new Set();

  // `aside(promise)`: for what nobody waits for; shows the change.
  constructor(connection, aside) { this.#connection = connection; this.#aside = aside; }

  know({ id, displayName, username }) { this.#names.set(id, displayName ?? username); }

  // Their name; until it is known a dot, and it is asked for.
  name(id) {
    if (!this.#names.has(id)) {
      this.#names.set(id, "…");
      this.#aside(this.#ask(id));
    }
    return this.#names.get(id);
  }

  // {status, customStatus?}
  presence(id) { return this.#presence.get(id) ?? { status: "offline" }; }

  take({ userId, ...presence }) { this.#presence.set(userId, presence); }

  // From now on the presence of these people is known, as far as one connection can be subscribed.
  async watch(ids) {
    const more = ids.filter((id) => !this.#watched.has(id)).slice(0, MOST_WATCHED - this.#watched.size);
    more.forEach((id) => this.#watched.add(id));
    if (this.#connection.ready) await this.#subscribeAll(more);
  }

  // A new connection knows nothing of what the last one subscribed to.
  watchAgain() { return this.#subscribeAll([...this.#watched]); }

  async choose(status, customStatus) {
    await this.#connection.insist("presence:update", { status, customStatus });
  }

  async #ask(id) {
    try { this.know(await api("GET", `/users/${id}`)); } catch (error) {
      this.#names.set(id, "Somebody who left");
      if (error.code !== "not_found") { this.#names.delete(id); throw error; }
    }
  }

  async #subscribeAll(ids) {
    for (let from = 0; from < ids.length; from += AT_ONCE) await this.#subscribe(ids.slice(from, from + AT_ONCE));
  }

  async #subscribe(userIds) {
    try {
      const { results } = await this.#connection.insist("presence:subscribe", { userIds });
      results.forEach((presence) => this.take(presence));
    } catch (error) {
      if (error.code !== "not_found") throw error;
      if (userIds.length > 1) for (const id of userIds) await this.#subscribe([id]); // one of them is out of sight
    }
  }
}
