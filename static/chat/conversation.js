// One conversation as its numbered events have made it. It applies them in order and once; what is read over REST is
// brought up to date with the events that came meanwhile, so that both ways lead to the same state.

import { api } from "./rest.js";

const ROOMS = new Set(["group", "public", "private", "course", "study_group"]);
const LEADERS = new Set(["owner", "moderator"]);

// What the page's own recordings are called (recorder.js), without the ending of their files; all else as it is.
const RECORDED = /^(Voice message)\.(?:webm|m4a|ogg)$/;
export const called = (name, type) => (type === "voice" ? name.replace(RECORDED, "$1") : name);

// What stands for a message without words.
export const namesOf = ({ attachments = [], type }) =>
  attachments.map(({ name }) => called(name ?? "a file", type)).join(", ");

const together = ({ emoji, userIds }) => ({ emoji, userIds, count: userIds.length });

// The reactions after this person has added or taken back theirs; doing it twice changes nothing.
function reacted(reactions, emoji, userId, adds) {
  const others = (reactions.find((reaction) => reaction.emoji === emoji)?.userIds ?? []).filter((id) => id !== userId);
  const changed = { emoji, userIds: adds ? [...others, userId] : others };
  const known = reactions.findIndex((reaction) => reaction.emoji === emoji);
  const list = known < 0 ? [...reactions, changed] : reactions.with(known, changed);
  return list.filter(({ userIds }) => userIds.length).map(together);
}

export class Conversation {
  // `cursor`: the last number applied, `head` the highest heard of. `counted`: what `info` says is true as of this
  // number. `from`: history is shown from this number on. `toldRead`, `toldDelivered`: what the server was told.
  // A message's `asOf`: it is as it was after the event of this number.
  members = null; messages = new Map(); from = Infinity; hasOlder = false; filling = false;
  toldRead = 0; toldDelivered = 0;
  #me; #receipts = new Map(); #readings = new Set();

  constructor(info, me) {
    this.#me = me;
    this.id = info.id;
    this.cursor = this.head = 0;
    this.take(info);
    this.cursor = this.head;
  }

  get isRoom() { return ROOMS.has(this.info.kind); }
  get leads() { return this.isRoom && LEADERS.has(this.info.myRole); }
  get others() { return [...this.members?.keys() ?? []].filter((id) => id !== this.#me); }
  get newest() { return Math.max(0, ...this.messages.keys()); }

  mayRemove({ userId, role }) {
    return this.leads && userId !== this.#me && (this.info.myRole === "owner" || !LEADERS.has(role));
  }

  find(id) { return [...this.messages.values()].find((message) => message.id === id); }

  // The server's summary of it, unless events have gone beyond; tells whether it was taken.
  take(info) {
    this.head = Math.max(this.head, info.headSeq);
    if (info.headSeq < this.cursor) return false;
    Object.assign(this, { info, counted: info.headSeq });
    return true;
  }

  async recount() { // what is unread after something between was read or deleted, only the server can tell
    while (!this.take(await api("GET", `/conversations/${this.id}`)));
  }

  async haveRead(seq) { // the person, here or on another device
    if (seq >= this.info.lastMessage?.seq) Object.assign(this.info, { unreadCount: 0, mentionCount: 0 });
    else if (this.info.unreadCount) await this.recount();
  }

  apply(frame) {
    this.cursor = frame.seq;
    for (const frames of this.#readings) frames.push(frame);
    if (frame.seq > this.counted) this.#counts[frame.event]?.(frame.data);
    this.#change(frame);
  }

  // A message of one's own, from the reply.
  put(message, asOf = message.seq) {
    const known = this.messages.get(message.seq);
    if (!known || known.asOf <= asOf) this.messages.set(message.seq, { ...message, asOf });
  }

  // --- reading over REST ----------------------------------------------------------------------------------------

  async load(range = "") {
    const take = ({ results, hasMore, headSeq }) => {
      for (const message of results) this.put(message, headSeq);
      Object.assign(this, { from: results[0]?.seq ?? 1, hasOlder: hasMore });
    };
    await this.#read(api("GET", `/conversations/${this.id}/messages?${range}`), take);
  }

  async loadThread(rootId) {
    const root = this.find(rootId) ? [] : [api("GET", `/messages/${rootId}`)];
    const take = ([{ results, headSeq }, ...roots]) => {
      for (const message of [...roots, ...results]) this.put(message, headSeq);
    };
    await this.#read(Promise.all([api("GET", `/messages/${rootId}/thread?limit=200`), ...root]), take);
  }

  async meet() {
    const take = ({ results }) => { this.members = new Map(results.map((member) => [member.userId, member])); };
    await this.#read(api("GET", `/conversations/${this.id}/members`), take);
  }

  async loadReceipts() {
    const { results } = await api("GET", `/conversations/${this.id}/receipts`);
    for (const { userId, deliveredSeq, readSeq } of results) this.reach(userId, { deliveredSeq, readSeq });
  }

  async #read(answer, take) {
    const frames = [];
    this.#readings.add(frames);
    try { take(await answer); } finally { this.#readings.delete(frames); }
    frames.forEach((frame) => this.#change(frame));
  }

  // --- receipts -------------------------------------------------------------------------------------------------

  reach(userId, { deliveredSeq = 0, readSeq = 0 }) {
    const known = this.#receipts.get(userId) ?? { deliveredSeq: 0, readSeq: 0 };
    const read = Math.max(known.readSeq, readSeq);
    this.#receipts.set(userId, { deliveredSeq: Math.max(known.deliveredSeq, deliveredSeq, read), readSeq: read });
  }

  // How far a message of one's own has come: as the server said, or further since then.
  status({ seq, status, createdAt }) {
    const members = [...this.members?.values() ?? []];
    const others = members.filter(({ userId, joinedAt }) => userId !== this.#me && joinedAt <= createdAt);
    const has = (userId, mark) => this.#receipts.get(userId)?.[mark] >= seq;
    const everybody = (mark) => others.length && others.every(({ userId }) => has(userId, mark));
    if (status === "read" || everybody("readSeq")) return "read";
    return status === "delivered" || everybody("deliveredSeq") ? "delivered" : "sent";
  }

  // --- events ---------------------------------------------------------------------------------------------------

  #counts = {
    "message:new": (message) => {
      const { info } = this;
      this.#showLast(message);
      info.lastMessageAt = message.createdAt;
      if (message.senderId === this.#me || message.isDeleted) return;
      info.unreadCount += 1;
      if (message.mentions.includes(this.#me)) info.mentionCount += 1;
    },
    "message:updated": (message) => message.id === this.info.lastMessage?.id && this.#showLast(message),
    "message:deleted": (message) => message.id === this.info.lastMessage?.id && this.#showLast(message),
    "member:joined": () => { this.info.memberCount += 1; },
    "member:left": () => { this.info.memberCount -= 1; },
    "member:updated": ({ userId, role }) => { if (userId === this.#me) this.info.myRole = role; },
    "conversation:updated": (fields) => Object.assign(this.info, fields),
  };

  #showLast(message) { this.info.lastMessage = { ...message, preview: message.content || namesOf(message) }; }

  // Each of these leads to the same state however often it is done.
  #change({ event, seq, data }) { this.#changes[event]?.(data, seq); }

  #changes = {
    "message:new": (message, seq) => {
      this.put(message);
      this.#alter(message.threadRootId, seq, (root) => ({ ...root, threadCount: root.threadCount + 1 }));
    },
    "message:updated": (message, seq) => this.#replace(message, seq),
    "message:deleted": (message, seq) => this.#replace(message, seq),
    "message:pinned": ({ messageId }, seq) => this.#alter(messageId, seq, (old) => ({ ...old, isPinned: true })),
    "message:unpinned": ({ messageId }, seq) => this.#alter(messageId, seq, (old) => ({ ...old, isPinned: false })),
    "reaction:new": (data, seq) => this.#react(data, seq, true),
    "reaction:remove": (data, seq) => this.#react(data, seq, false),
    "member:joined": (member) => this.members?.set(member.userId, member),
    "member:updated": (member) => this.members?.set(member.userId, member),
    "member:left": ({ userId }) => this.members?.delete(userId),
  };

  // What an event says of a message is the same for everybody; what only this person was told stays.
  #replace(message, seq) {
    this.#alter(message.id, seq, ({ status, replyTo }) => {
      const quote = message.replyTo && { replyTo: { ...replyTo, ...message.replyTo } };
      return { ...message, ...quote, status };
    });
  }

  #react({ messageId, emoji, userId }, seq, adds) {
    const change = (old) => ({ ...old, reactions: reacted(old.reactions, emoji, userId, adds) });
    this.#alter(messageId, seq, change);
  }

  #alter(id, seq, change) {
    const message = this.find(id);
    if (message && seq > message.asOf) this.messages.set(message.seq, { ...change(message), asOf: seq });
  }
}
