// What this page knows: the conversations, and what the person does with them. Where the last number that one has
// applied and the highest it has heard of differ, the events between are asked for.

import { api } from "./rest.js";
import { Connection } from "./socket.js";
import { Conversation } from "./conversation.js";
import { Outbox } from "./outbox.js";
import { People } from "./people.js";
import { Receipts } from "./receipts.js";
import { Typing } from "./typing.js";

const PAGE = 50, MOST = 200;
const MOST_CURSORS = 1000; // so many fit into one frame; `heads` covers the conversations beyond
const ALL = /@all\b/i; // whether that means everybody is known to the server
const SILENT = new Set(["no_connection", "not_found"]); // what is gone meanwhile is told by an event of its own

export class Store {
  me = null; conversations = new Map(); openId = null; threadId = null; nextCursor;
  #on; #epoch = null;

  // `on`: changed(), arrived(conversation, message), gone(conversation), failed(error), state(text, stopped),
  // signedOut(code).
  constructor(on) {
    this.#on = on;
    this.connection = new Connection({
      resume: () => this.#epoch && this.#resume(),
      opened: (epoch) => this.#opened(epoch),
      frame: (frame) => this.#frame(frame),
      state: on.state,
      signedOut: on.signedOut,
    });
    const { changed } = on, aside = (promise) => this.#aside(promise);
    this.people = new People(this.connection, aside);
    this.typing = new Typing(this.connection, { changed, aside });
    this.receipts = new Receipts(this.connection, { aside, read: (it, seq) => aside(it.haveRead(seq)) });
    const stored = (message) => this.conversations.get(message.conversationId)?.put(message);
    this.outbox = new Outbox(this.connection, { changed, stored });
  }

  async start() {
    this.me = await api("GET", "/me");
    this.people.know(this.me);
    this.#aside(this.people.watch([this.me.id]));
    await this.connection.open();
  }

  // --- what the page reads --------------------------------------------------------------------------------------

  get open() { return this.conversations.get(this.openId); }
  get unread() { return [...this.conversations.values()].reduce((sum, { info }) => sum + info.unreadCount, 0); }

  list() { // the newest activity first
    const activity = ({ info }) => Date.parse(info.lastMessageAt ?? info.createdAt);
    return [...this.conversations.values()].sort((a, b) => activity(b) - activity(a));
  }

  history() { // of the open conversation, or of its open thread
    const { open, openId, threadId } = this;
    const inThread = ({ id, threadRootId }) => id === threadId || threadRootId === threadId;
    const isShown = threadId ? inThread : ({ seq = Infinity }) => seq >= open.from;
    const stored = [...open?.messages.values() ?? []].filter(isShown).sort((a, b) => a.seq - b.seq);
    const ids = new Set(stored.map(({ clientMessageId }) => clientMessageId));
    const waiting = this.outbox.of(openId).filter((draft) => isShown(draft) && !ids.has(draft.clientMessageId));
    return [...stored, ...waiting];
  }

  name(userId) { return this.people.name(userId); }
  title({ info, others, members }) {
    return info.name ?? (members ? others.map((id) => this.name(id)).join(", ") || "Nobody else" : "…");
  }

  // --- what the person does -------------------------------------------------------------------------------------

  // The id of the conversation with this person, which exists afterwards.
  talkTo(person) {
    const { patient: patientId, provider: providerId } = { [this.me.role]: this.me.id, [person.role]: person.id };
    return this.create(patientId && providerId ? { patientId, providerId } : { kind: "direct", userId: person.id });
  }

  create(wanted) { return this.#begin("/conversations", wanted); }
  join(id) { return this.#begin(`/conversations/${id}/join`); }

  async #begin(path, wanted) { // the id of what I am in afterwards
    const info = await api("POST", path, wanted);
    await this.#take([info]);
    return info.id;
  }

  async show(id) {
    Object.assign(this, { openId: id, threadId: null });
    this.typing.look(id);
    this.#on.changed();
    const { open } = this;
    if (!open) return;
    this.#aside(this.#lookAround(open));
    if (open.from !== Infinity) return;
    await open.load(`limit=${PAGE}`);
    this.#on.changed();
  }

  async #lookAround(conversation) { // who is there, and how far they have got, which no event repeats
    await conversation.loadReceipts();
    if (!conversation.members) await this.#meet(conversation);
    await this.people.watch(conversation.others);
  }

  async older() {
    await this.open.load(`limit=${PAGE}&before=${this.open.from}`);
    this.#on.changed();
  }

  async reachBack(seq) { // so that the message of this number is shown
    const { open } = this;
    this.threadId = null;
    while (open.from > seq && open.hasOlder) await open.load(`limit=${MOST}&before=${open.from}`);
    this.#on.changed();
  }

  async showThread(rootId) {
    if (rootId) await this.open.loadThread(rootId);
    this.threadId = rootId;
    this.#on.changed();
  }

  moreConversations() { return this.#list(this.nextCursor); }

  seen() { // the open conversation, by the person
    const { open, threadId, connection } = this;
    const isNew = open && open.from !== Infinity && !threadId && open.newest > open.toldRead;
    if (isNew && connection.ready) this.#aside(this.receipts.read(open, open.newest));
  }

  send(content, replyTo, files = {}) { // `files`: {type, attachments}
    this.typing.sent();
    const threadRootId = this.threadId ?? undefined;
    this.outbox.add({ conversationId: this.openId, content, replyTo, threadRootId, ...files });
  }

  react({ id, reactions }, emoji) { // or take it back
    const mine = reactions.some((reaction) => reaction.emoji === emoji && reaction.userIds.includes(this.me.id));
    return this.connection.insist(mine ? "reaction:remove" : "reaction:new", { messageId: id, emoji });
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
      const known = this.conversations.get(info.id) ?? new Conversation(info, this.me.id);
      this.conversations.set(info.id, known);
      known.take(info);
      if (info.unreadCount) this.receipts.arrived(known);
      return known;
    });
    this.#on.changed();
    if (this.open?.from === Infinity) await this.show(this.openId); // it was open and has been forgotten
    const nameless = taken.filter(({ info }) => !info.name);
    for (const conversation of nameless) if (!conversation.members) await this.#meet(conversation);
    await this.people.watch(nameless.flatMap(({ others }) => others));
  }

  async #meet(conversation) {
    await conversation.meet();
    for (const { userId, displayName } of conversation.members.values()) {
      if (displayName) this.people.know({ id: userId, displayName });
    }
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
    try {
      await promise;
      this.#on.changed();
    } catch (error) { if (!SILENT.has(error.code)) this.#on.failed(error); }
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
    this.typing.lookAgain();
    this.#aside(this.people.watchAgain());
  }

  #frame(frame) {
    if (frame.seq) this.#apply(frame); else this.#told[frame.type ?? frame.event]?.(frame.data ?? frame);
    this.#on.changed();
  }

  #told = {
    ping: ({ heads = {} }) => this.#heads(heads),
    resumed: ({ heads }) => {
      for (const id of this.conversations.keys()) if (!(id in heads)) this.#gone(id);
      this.#heads(heads);
      this.#aside(this.#list());
      if (this.open) this.#aside(this.#lookAround(this.open));
      this.outbox.deliver();
    },
    resync: ({ conversationId }) => this.#aside(this.#reload(conversationId)),
    "conversation:added": ({ conversationId }) => this.#aside(this.#reload(conversationId)),
    "conversation:removed": ({ conversationId }) => this.#gone(conversationId),
    "message:delivered": (moved) => this.#reached(moved, { deliveredSeq: moved.seq }),
    "message:read": (moved) => this.#reached(moved, { readSeq: moved.seq }),
    "presence:update": (presence) => this.people.take(presence),
    typing: (typing) => this.typing.hear(typing),
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
    conversation.apply(frame);
    this.#after[frame.event]?.(conversation, frame.data);
  }

  // What else an event means for the person.
  #after = {
    "message:new": (conversation, message) => {
      this.typing.hear({ ...message, userId: message.senderId, isTyping: false });
      if (message.senderId === this.me.id) return this.outbox.confirm(message.clientMessageId);
      this.receipts.arrived(conversation);
      if (conversation.isRoom && ALL.test(message.content)) this.#aside(conversation.recount());
      this.#on.arrived(conversation, message);
    },
    "message:deleted": (conversation) => conversation.info.unreadCount && this.#aside(conversation.recount()),
    "member:joined": (conversation, { userId, displayName }) => {
      if (displayName) this.people.know({ id: userId, displayName });
      if (conversation.members) this.#aside(this.people.watch(conversation.others));
    },
    "member:left": ({ id }, { userId }) => userId === this.me.id && this.#gone(id),
  };

  #gone(id) {
    const conversation = this.conversations.get(id);
    if (!this.conversations.delete(id)) return;
    if (id === this.openId) {
      this.typing.look(null, true);
      Object.assign(this, { openId: null, threadId: null });
    }
    this.#on.gone(conversation);
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
  }

  #reached({ conversationId, userId, seq }, marks) {
    const conversation = this.conversations.get(conversationId);
    conversation?.reach(userId, marks);
    if (conversation && userId === this.me.id && marks.readSeq) this.#aside(conversation.haveRead(seq));
  }
}
