// What this person has sent and the server has not confirmed: in order, until it is stored, and stored once.

const hex = (byte) => byte.toString(16).padStart(2, "0");
const randomId = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), hex).join("");

export class Outbox {
  #connection; #on; #drafts = new Map(); #delivering = false;

  // `on`: stored(message), changed().
  constructor(connection, on) { this.#connection = connection; this.#on = on; }

  get size() { return this.#drafts.size; }

  of(conversationId) { return [...this.#drafts.values()].filter((draft) => draft.conversationId === conversationId); }

  // `draft`: {conversationId, content, replyTo?, threadRootId?, type?, attachments?}; its files are uploaded already.
  add(draft) {
    const clientMessageId = randomId();
    this.#drafts.set(clientMessageId, { ...draft, clientMessageId, error: null });
    this.#on.changed();
    this.deliver();
  }

  again(clientMessageId) {
    this.#drafts.get(clientMessageId).error = null;
    this.#on.changed();
    this.deliver();
  }

  drop(clientMessageId) { // one that the server has refused; tells what its files were
    const { attachments = [] } = this.#drafts.get(clientMessageId);
    this.#drafts.delete(clientMessageId);
    this.#on.changed();
    return attachments;
  }

  confirm(clientMessageId) { this.#drafts.delete(clientMessageId); }

  async deliver() { // after a lost connection with the same id, so that the server stores it once
    if (this.#delivering) return;
    this.#delivering = true;
    for (const draft of this.#drafts.values()) if (!draft.error) await this.#deliverOne(draft);
    this.#delivering = false;
  }

  async #deliverOne(draft) {
    const { clientMessageId, conversationId, content, replyTo, threadRootId, type, attachments = [] } = draft;
    const place = { ...(replyTo && { replyToId: replyTo.id }), ...(threadRootId && { threadRootId }) };
    const files = attachments.length && { type, attachmentIds: attachments.map(({ id }) => id) };
    try {
      const data = { clientMessageId, conversationId, ...(content && { content }), ...place, ...files };
      this.#on.stored(await this.#connection.insist("message:new", data));
      this.confirm(clientMessageId);
    } catch (error) {
      if (error.code !== "no_connection") draft.error = error.message;
    }
    this.#on.changed();
  }
}
