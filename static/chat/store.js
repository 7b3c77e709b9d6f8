// What this page knows. A conversation applies its numbered events in order and once: `cursor` is the last number
// applied, `head` the highest heard of; where they differ, the events between are asked for.

import { api } from "./rest.js";
import { Connection } from "./socket.js";

const PAGE = 50;
const MOST_CURSORS = 1000; // so many fit into one frame; `heads` covers the conversations beyond
const MESSAGE_EVENTS = new Set(["message:new", "message:updated", "message:deleted"]);

const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
const hex = (byte) => byte.toString(16).padStart(2, "0");
const randomId = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), hex).join("");

// `from`: history is shown from this number on. `counted`: up to here the server has counted what is unread.
const fresh = (info) => ({
  id: info.id, info, cursor: info.headSeq, head: info.headSeq, counted: info.headSeq, filling: false, members: null,
  messages: new Map(), from: Infinity, hasOlder: false, toldRead: 0,
});

export class Store {
  me = null; people = new Map(); conversations = new Map(); openId = null; nextCursor; outbox = new Map();
  #on; #epoch = null; #delivering = false;

  // `on`: changed(), arrived(conversation, message), failed(error), state(text, stopped), signedOut(code).
  constructor(on) {
    this.#on = on;
    this.connection = new Connection({
      resume: () => this.#epoch && this.#resume(),
      opened: (epoch) => this.#opened(epoch),
      frame: (frame) => this.#frame(frame),
      state: on.state,
      signedOut: on.signedOut,
    });
  }

  async start() {
    this.me = await api("GET", "/me");
    this.people.set(this.me.id, this.me.displayName ?? this.me.username);
    await this.connection.open();
  }

  // --- what the page reads --------------------------------------------------------------------------------------

  get open() { return this.conversations.get(this.openId); }
  get unread() { return [...this.conversations.values()].reduce((sum, { info }) => sum + info.unreadCount, 0); }

  list() { // the newest activity first
    const activity = ({ info }) => Date.parse(info.lastMessageAt ?? info.createdAt);
    return [...this.conversations.values()].sort((a, b) => activity(b) - activity(a));
  }

  history() {
    const stored = [...(this.open?.messages.values() ?? [])].filter(({ seq }) => seq >= this.open.from);
    const ids = new Set(stored.map(({ clientMessageId }) => clientMessageId));
    const here = ({ conversationId, clientMessageId }) => conversationId === this.openId && !ids.has(clientMessageId);
    return [...stored.sort((a, b) => a.seq - b.seq), ...[...this.outbox.values()].filter(here)];
  }

  name(userId) { return this.people.get(userId) ?? "…"; }
  title({ info, members }) { return info.name ?? members?.map((id) => this.name(id)).join(", ") ?? "…"; }

  // --- what the person does -------------------------------------------------------------------------------------

  async directory(search) {
    return (await api("GET", `/users?search=${encodeURIComponent(search)}`)).results;
  }

  // The id of the conversation with this person, which exists afterwards.
  async talkTo(person) {
    const { patient: patientId, provider: providerId } = { [this.me.role]: this.me.id, [person.role]: person.id };
    const pair = patientId && providerId ? { patientId, providerId } : { kind: "direct", userId: person.id };
    const info = await api("POST", "/conversations", pair);
    await this.#take([info]);
    return info.id;
  }

  async show(id) {
    this.openId = id;
    this.#on.changed();
    if (this.open?.from === Infinity) await this.#load(this.open, "");
  }

  older() { return this.#load(this.open, `&before=${this.open.from}`); }
  moreConversations() { return this.#list(this.nextCursor); }

  async seen() { // the open conversation, by the person
    const { open } = this;
    const seq = Math.max(0, ...open?.messages.keys() ?? []);
    if (!this.connection.ready || open.from === Infinity || seq <= open.toldRead) return;
    open.toldRead = seq;
    await this.#aside(this.#tellRead(open, seq));
  }

  send(content) {
    const draft = { clientMessageId: randomId(), conversationId: this.openId, content, error: null };
    this.outbox.set(draft.clientMessageId, draft);
    this.#on.changed();
    this.#deliver();
  }

  again(clientMessageId) {
    this.outbox.get(clientMessageId).error = null;
    this.#on.changed();
    this.#deliver();
  }

  // --- reading over REST ----------------------------------------------------------------------------------------

  async #list(cursor) {
    const range = cursor ? `&cursor=${encodeURIComponent(cursor)}` : "";
    const page = await api("GET", `/conversations?limit=${PAGE}${range}`);
    if (cursor || this.nextCursor === undefined) this.nextCursor = page.nextCursor;
    await this.#take(page.results);
  }

  async #take(infos) {
    const taken = infos.map((info) => {
      const known = this.conversations.get(info.id) ?? fresh(info);
      this.conversations.set(info.id, known);
      known.head = Math.max(known.head, info.headSeq);
      if (info.headSeq >= known.cursor) Object.assign(known, { info, counted: info.headSeq });
      return known;
    });
    this.#on.changed();
    if (this.open?.from === Infinity) await this.show(this.openId); // it was open and has been forgotten
    for (const conversation of taken) if (!conversation.members) await this.#meet(conversation);
  }

  async #meet(conversation) {
    const { results } = await api("GET", `/conversations/${conversation.id}/members`);
    for (const { userId, displayName } of results) {
      this.people.set(userId, displayName ?? (await api("GET", `/users/${userId}`)).username);
    }
    conversation.members = results.map(({ userId }) => userId).filter((id) => id !== this.me.id);
    this.#on.changed();
  }

  // What events have told meanwhile is newer than what the page says.
  async #load(conversation, range) {
    const page = await api("GET", `/conversations/${conversation.id}/messages?limit=${PAGE}${range}`);
    const { messages } = conversation;
    for (const message of page.results) if (!messages.has(message.seq)) messages.set(message.seq, message);
    Object.assign(conversation, { from: page.results[0]?.seq ?? 1, hasOlder: page.hasMore });
    this.#on.changed();
  }

  // Forgets what is known of a conversation and starts from what the server has now.
  async #reload(id) {
    const info = await api("GET", `/conversations/${id}`);
    this.conversations.delete(id);
    await this.#take([info]);
  }

  // For what nobody waits for. Without a connection nothing is lost: the next one catches up.
  async #aside(promise) {
    try { await promise; } catch (error) { if (error.code !== "no_connection") this.#on.failed(error); }
  }

  // --- what the socket tells ------------------------------------------------------------------------------------

  #resume() {
    const known = [...this.conversations.values()].slice(0, MOST_CURSORS);
    return { epoch: this.#epoch, cursors: Object.fromEntries(known.map(({ id, cursor }) => [id, cursor])) };
  }

  #opened(epoch) {
    const first = this.#epoch === null;
    this.#epoch = epoch;
    if (first) this.connection.send({ type: "resume", ...this.#resume() }); // later the auth frame asks for the replay
  }

  #frame(frame) {
    if (frame.seq) this.#apply(frame); else this.#told[frame.type ?? frame.event]?.(frame.data ?? frame);
    this.#on.changed();
  }

  #told = {
    ping: ({ heads = {} }) => this.#heads(heads),
    resumed: ({ heads }) => {
      for (const id of this.conversations.keys()) if (!(id in heads)) this.conversations.delete(id);
      this.#heads(heads);
      this.#aside(this.#list());
      this.#deliver();
    },
    resync: ({ conversationId }) => this.#aside(this.#reload(conversationId)),
    "conversation:added": ({ conversationId }) => this.#aside(this.#reload(conversationId)),
    "conversation:removed": ({ conversationId }) => this.conversations.delete(conversationId),
    "message:read": ({ conversationId, userId, seq }) => userId === this.me.id && this.#haveRead(conversationId, seq),
  };

  #heads(heads) {
    for (const [id, seq] of Object.entries(heads)) {
      const conversation = this.conversations.get(id);
      if (!conversation) continue;
      conversation.head = Math.max(conversation.head, seq);
      this.#aside(this.#catchUp(conversation));
    }
  }

  #apply(frame) {
    const conversation = this.conversations.get(frame.conversationId);
    if (!conversation) return this.#aside(this.#reload(frame.conversationId));
    conversation.head = Math.max(conversation.head, frame.seq);
    if (frame.seq > conversation.cursor + 1) return this.#aside(this.#catchUp(conversation));
    if (frame.seq <= conversation.cursor) return; // told twice, by the replay and live
    conversation.cursor = frame.seq;
    if (MESSAGE_EVENTS.has(frame.event)) this.#message(conversation, frame.event, frame.data);
  }

  #message(conversation, event, message) {
    const { info, messages, counted } = conversation;
    messages.set(message.seq, message);
    const isNew = event === "message:new";
    const last = isNew || info.lastMessage?.id === message.id;
    if (last) info.lastMessage = { ...message, preview: message.content };
    if (!isNew) return;
    info.lastMessageAt = message.createdAt;
    if (message.senderId === this.me.id) return this.outbox.delete(message.clientMessageId);
    if (message.seq > counted && !message.isDeleted) info.unreadCount += 1;
    this.#on.arrived(conversation, message);
  }

  async #catchUp(conversation) {
    if (conversation.filling) return;
    conversation.filling = true;
    try {
      while (conversation.cursor < conversation.head) {
        const { id, cursor } = conversation;
        const { results } = await this.connection.ask("conversation:events", { conversationId: id, after: cursor });
        results.forEach((frame) => this.#apply(frame));
        if (conversation.cursor === cursor) return await this.#reload(id); // these numbers are not kept any more
      }
    } finally {
      conversation.filling = false;
    }
    this.#on.changed();
  }

  // --- telling the server ---------------------------------------------------------------------------------------

  async #insist(event, data) { // until there is an answer other than "later"
    try { return await this.connection.ask(event, data); } catch (error) {
      if (!error.retryAfterMs) throw error;
      await pause(error.retryAfterMs);
      return this.#insist(event, data);
    }
  }

  async #deliver() { // in order; after a lost connection with the same id, so that the server stores it once
    if (this.#delivering) return;
    this.#delivering = true;
    for (const draft of this.outbox.values()) if (!draft.error) await this.#deliverOne(draft);
    this.#delivering = false;
  }

  async #deliverOne(draft) {
    const { clientMessageId, conversationId, content } = draft;
    try {
      const message = await this.#insist("message:new", { clientMessageId, conversationId, content });
      const messages = this.conversations.get(conversationId)?.messages;
      if (!messages?.has(message.seq)) messages?.set(message.seq, message);
      this.outbox.delete(clientMessageId);
    } catch (error) {
      if (error.code !== "no_connection") draft.error = error.message;
    }
    this.#on.changed();
  }

  #haveRead(id, seq) { // here or on another device
    const { info } = this.conversations.get(id) ?? {};
    if (seq >= info?.lastMessage?.seq) info.unreadCount = 0;
  }

  async #tellRead(conversation, seq) {
    try {
      await this.#insist("message:read", { conversationId: conversation.id, seq });
      this.#haveRead(conversation.id, seq);
    } catch (error) {
      if (error.code === "no_connection") conversation.toldRead = 0; // to be told again
      throw error;
    }
    this.#on.changed();
  }
}
