// The messages of the open conversation.

import { namesOf } from "./conversation.js";
import { $, act, button, element, isolated, reconcile, show } from "./dom.js";

const PALETTE = ["👍", "❤️", "😂", "😮", "😢", "🙏"];
const MENTION = /(?<![\p{L}\p{N}_@.+-])@[\p{L}\p{N}](?:[\p{L}\p{N}_.-]{0,62}[\p{L}\p{N}_])?/gu;
const LONGEST_TIMER_MS = 2 ** 31 - 1, NAMED_MOST = 10, NAMED_BY = 60, NEAR = 40;
const when = new Intl.DateTimeFormat(undefined, { dateStyle: "short", timeStyle: "short" });

const isGone = ({ isDeleted, expiresAt }) => Boolean(isDeleted || Date.parse(expiresAt) <= Date.now());

export function textOf(message) {
  if (isGone(message)) return "Message deleted";
  return message.contentError ? "This message cannot be opened" : message.content || namesOf(message);
}

export const senderOf = (store, { type, senderId }) => (type === "system" ? "System" : store.name(senderId));

const time = (moment) => element("time", { dateTime: moment }, when.format(new Date(moment)));

// --- what is to be shown of a message -----------------------------------------------------------------------------

function quoteOf(store, { id, seq, senderId, preview }) {
  const known = store.open.find(id);
  const text = known ? textOf(known) : preview ?? (preview === null ? "Message deleted" : "An earlier message");
  const name = known ? senderOf(store, known) : senderId && store.name(senderId); // removed: nobody knows whose it was
  return { seq, name: name ?? "Somebody", text };
}

function reactionOf(store, { emoji, count, userIds }) {
  const who = userIds.slice(0, NAMED_MOST).map((id) => store.name(id)).join(", ");
  return { emoji, count, who, mine: userIds.includes(store.me.id) };
}

function marksOf({ priority, isEdited, isPinned, forwardedFrom }) {
  const marks = { urgent: priority === "urgent", edited: isEdited, pinned: isPinned, forwarded: forwardedFrom };
  return Object.keys(marks).filter((mark) => marks[mark]);
}

function itemOf(store, message, acting) {
  const { id, clientMessageId, senderId = store.me.id, type, seq, createdAt, error, replyTo, reactions = [] } = message;
  const mine = senderId === store.me.id, gone = isGone(message);
  const mentions = gone ? [] : message.mentions ?? [], files = gone ? [] : message.attachments ?? [];
  return {
    key: (mine && clientMessageId) || id, id, seq, createdAt, name: senderOf(store, { type, senderId }),
    says: textOf(message), text: files.length && message.content === "" ? "" : textOf(message),
    files, isVoice: type === "voice",
    hasMentions: mentions.length > 0, acting: id === acting, expiresAt: message.expiresAt,
    marks: gone ? [] : marksOf(message), quote: !gone && replyTo ? quoteOf(store, replyTo) : null,
    reactions: gone ? [] : reactions.map((reaction) => reactionOf(store, reaction)),
    replies: message.threadCount, rootId: message.threadRootId ?? id, inThread: Boolean(store.threadId),
    state: id ? (mine && !gone ? store.open.status(message) : "") : error ?? "sending…",
    is: { mine, quiet: gone || Boolean(message.contentError), system: type === "system", failed: Boolean(error),
      urgent: message.priority === "urgent", waiting: !id, named: mentions.includes(store.me.id) },
  };
}

// --- how it is shown ----------------------------------------------------------------------------------------------

function textNodes(text, hasMentions) { // the text as it is, who is named in it marked
  if (!hasMentions) return [text];
  const nodes = [];
  let from = 0;
  for (const { 0: name, index } of text.matchAll(MENTION)) {
    nodes.push(text.slice(from, index), element("mark", {}, name));
    from = index + name.length;
  }
  return [...nodes, text.slice(from)];
}

function threadLabel({ replies, rootId, id, inThread }) {
  if (inThread || !id) return "";
  if (replies) return replies === 1 ? "1 reply" : `${replies} replies`;
  return rootId === id ? "" : "in a thread";
}

export function messagesView(store, { quote, files, renderSoon }) {
  const log = $("messages");
  let acting = null, expiry; // whose actions are shown; when the next message disappears
  let atEnd = true, height = 0; // whether the newest is in sight, and stays so; of a log of this height

  const toggle = (id) => { acting = acting === id ? null : id; renderSoon(); };
  const message = (id) => store.open.find(id);
  const react = (id, emoji) => act(async () => {
    if (acting) toggle(acting);
    await store.react(message(id), emoji);
  });
  const openThread = (rootId) => act(async () => {
    acting = null;
    $("text").focus(); // the button that was pressed goes
    await store.showThread(rootId);
  });

  const jump = (seq) => act(async () => {
    await store.reachBack(seq);
    renderHistory();
    const target = log.querySelector(`[data-key] > [data-seq="${seq}"]`)?.parentElement;
    target?.scrollIntoView({ block: "center" });
    atEnd = isAtEnd();
    target?.focus();
  });

  const quoteButton = ({ seq, name, text }) => button("quoted",
    [isolated(name, "title"), " ", isolated(text)], jump(seq), { className: "quote" });

  const reaction = (id, { emoji, count, who, mine }) => button(`react ${emoji}`, `${emoji} ${count}`, react(id, emoji),
    { ariaPressed: `${mine}`, ariaLabel: `${emoji} ${count}: ${who}`, title: who });

  const actions = ({ id, rootId }) => element("div", { className: "actions" },
    PALETTE.map((emoji) => button(`add ${emoji}`, emoji, react(id, emoji), { ariaLabel: `React with ${emoji}` })),
    button("reply", "Reply", () => { toggle(id); quote(message(id)); }),
    button("thread", "Thread", openThread(rootId)));

  const foot = (item) => {
    const { key, rootId, state, is } = item, label = threadLabel(item);
    return element("div", { className: "about state" }, state, label && button("replies", label, openThread(rootId)),
      is.failed && [button("again", "Try again", () => store.outbox.again(key)), " ",
        button("drop", "Throw away", () => { $("text").focus(); files.discard(store.outbox.drop(key)); })]);
  };

  const fill = (node, item) => {
    const { id, seq, name, says, text, createdAt, expiresAt, marks, quote: quoted, reactions, is } = item;
    const enclosed = item.files;
    for (const [state, on] of Object.entries(is)) node.classList.toggle(state, on);
    node.tabIndex = -1; // a jump leads here
    const more = button("actions", "⋯", () => toggle(id),
      { ariaLabel: `Actions: ${name}: ${[...says].slice(0, NAMED_BY).join("")}`, ariaExpanded: `${item.acting}` });
    const until = expiresAt && !is.quiet && element("span", {}, "until ", time(expiresAt));
    const about = element("div", { className: "about" }, isolated(name, "sender"), createdAt && time(createdAt),
      marks.map((mark) => element("span", {}, mark)), until, id && !is.quiet && !is.system && more);
    about.dataset.seq = seq;
    show(node, about, quoted && quoteButton(quoted),
      enclosed.length && element("div", { className: "files" }, enclosed.map((file) => files.node(file, item.isVoice))),
      text && element("p", { className: "text", dir: "auto" }, textNodes(text, item.hasMentions)),
      reactions.length && element("div", { className: "reactions" }, reactions.map((one) => reaction(id, one))),
      item.acting && actions(item), foot(item));
  };

  const expireSoon = (messages) => { // who keeps the page open sees it go
    const moments = messages.map(({ expiresAt }) => Date.parse(expiresAt) - Date.now()).filter((ms) => ms > 0);
    clearTimeout(expiry);
    if (moments.length) expiry = setTimeout(renderSoon, Math.min(...moments, LONGEST_TIMER_MS) + 1);
  };

  const isAtEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight < NEAR;
  const toEnd = () => { log.scrollTop = log.scrollHeight; };
  const look = () => { atEnd = isAtEnd() || (atEnd && log.clientHeight !== height); }; // then the end has moved, not they
  log.onscroll = look;
  new ResizeObserver(() => {
    height = log.clientHeight;
    if (atEnd) toEnd(); else look();
  }).observe(log);

  function renderHistory() {
    const first = log.firstElementChild, firstAt = first?.offsetTop;
    const messages = store.history(), shown = `${store.openId} ${store.threadId}`;
    look();
    atEnd ||= log.dataset.of !== shown;
    reconcile(log, messages.map((one) => itemOf(store, one, acting)), fill);
    $("empty").hidden = messages.length > 0 || !store.open || store.open.from === Infinity; // that one is not loaded
    if (atEnd) toEnd();
    else if (first?.isConnected) log.scrollTop += first.offsetTop - firstAt; // older messages came in above
    log.dataset.of = shown;
    expireSoon(messages);
  }

  log.onkeydown = ({ key }) => { if (key === "Escape" && acting) toggle(acting); };
  return renderHistory;
}
