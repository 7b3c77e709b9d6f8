// The page. Names and texts come from other people: they become text nodes, never markup.

import { forget, maybeSignedIn, signIn, signOut } from "./rest.js";
import { Store } from "./store.js";

const $ = (id) => document.getElementById(id);
const when = new Intl.DateTimeFormat(undefined, { dateStyle: "short", timeStyle: "short" });
const WHY_SIGN_IN = { 4401: "Sign in again.", 4403: "This account is disabled.", 4410: "You were signed out." };
const REASON = "parley-reason", RESTORE_AGAIN_MS = 5000, RENDER_EVERY_MS = 30;
const shownAs = new WeakMap(), unsent = new Map();
let store = null, rendering = null;

function element(tag, properties, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

const isolated = (text, className) => element("bdi", { className, dir: "auto" }, text);

// Makes the children of `parent` show `items` in their order, touching only what changed, so that focus, selection and
// scroll position stay. `items`: {key, …}; `fill(node, item)` gives a node its content.
function reconcile(parent, items, fill) {
  const old = new Map([...parent.children].map((node) => [node.dataset.key, node]));
  items.forEach((item, index) => {
    const node = old.get(item.key) ?? element("li", {});
    const version = JSON.stringify(item);
    if (shownAs.get(node) !== version) fill(node, item);
    shownAs.set(node, version);
    node.dataset.key = item.key;
    if (parent.children[index] !== node) parent.insertBefore(node, parent.children[index] ?? null);
    old.delete(item.key);
  });
  for (const node of old.values()) node.remove();
}

function fail(error) { $("notice").textContent = error.message; }

// Runs what a person asked for and says so when it fails.
const act = (action) => async (event) => {
  event?.preventDefault();
  $("notice").textContent = "";
  try { await action(event); } catch (error) { fail(error); }
};

// --- what is shown ----------------------------------------------------------------------------------------------

function textOf({ content, isDeleted, contentError }) {
  if (isDeleted) return "Message deleted";
  return contentError ? "This message cannot be opened" : content ?? "";
}

function conversationItem(conversation) {
  const { id, info: { lastMessage, unreadCount } } = conversation;
  const isOpen = id === store.openId;
  const preview = lastMessage ? textOf({ ...lastMessage, content: lastMessage.preview }) : "";
  return { key: id, title: store.title(conversation), preview, unread: unreadCount, isOpen };
}

function fillConversation(node, { key, title, preview, unread, isOpen }) {
  const button = node.firstChild ?? element("button", { type: "button", onclick: act(() => openConversation(key)) });
  const badge = unread ? [element("span", { className: "unread" }, `${unread}`, element("span", {}, " unread"))] : [];
  button.replaceChildren(isolated(title, "title"), ...badge, isolated(preview, "preview"));
  button.setAttribute("aria-current", isOpen);
  if (!node.firstChild) node.append(button);
}

function messageItem(message) {
  const { id, clientMessageId, senderId = store.me.id, createdAt, isEdited, error } = message;
  const mine = senderId === store.me.id;
  const state = id ? (isEdited && !message.isDeleted ? "edited" : "") : error ?? "sending…";
  const quiet = Boolean(message.isDeleted || message.contentError);
  return { key: (mine && clientMessageId) || id, name: store.name(senderId), text: textOf(message), mine, quiet,
    urgent: message.priority === "urgent", createdAt, state, failed: Boolean(error), waiting: !id };
}

function fillMessage(node, { key, name, text, mine, quiet, urgent, createdAt, state, failed, waiting }) {
  for (const [name, on] of Object.entries({ mine, quiet, urgent, failed, waiting })) node.classList.toggle(name, on);
  const time = createdAt ? [element("time", { dateTime: createdAt }, when.format(new Date(createdAt)))] : [];
  const again = failed ? [element("button", { type: "button", onclick: () => store.again(key) }, "Try again")] : [];
  node.replaceChildren(
    element("div", { className: "about" }, isolated(name, "sender"), ...(urgent ? ["urgent"] : []), ...time),
    element("p", { className: "text", dir: "auto" }, text),
    element("div", { className: "about state" }, state, ...again));
}

function renderSoon() { // a replay of many events is one change of the page
  rendering ??= setTimeout(render, RENDER_EVERY_MS);
}

function render() {
  clearTimeout(rendering);
  rendering = null;
  const { open } = store;
  reconcile($("conversations"), store.list().map(conversationItem), fillConversation);
  $("more").hidden = !store.nextCursor;
  document.body.dataset.view = open ? "conversation" : "list";
  $("conversation").hidden = !open;
  document.title = store.unread ? `(${store.unread}) Parley` : "Parley";
  if (!open) return;
  $("title").textContent = store.title(open);
  $("older").hidden = !open.hasOlder;
  renderHistory();
  if (document.visibilityState === "visible" && document.hasFocus()) store.seen();
}

function renderHistory() {
  const log = $("messages");
  const first = log.firstElementChild, firstAt = first?.offsetTop;
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  reconcile(log, store.history().map(messageItem), fillMessage);
  if (atEnd || log.dataset.of !== store.openId) log.scrollTop = log.scrollHeight;
  else if (first?.isConnected) log.scrollTop += first.offsetTop - firstAt; // older messages came in above
  log.dataset.of = store.openId;
}

function announce(conversation, message) {
  const where = conversation.id === store.openId ? "" : " (another conversation)";
  $("announcement").textContent = `${store.name(message.senderId)}${where}: ${textOf(message)}`;
}

function connectionState(text, stopped = false) {
  $("connection").textContent = text;
  $("reconnect").hidden = !stopped;
}

function showSignIn() {
  $("sign-in").hidden = false;
  $("notice").textContent = sessionStorage.getItem(REASON) ?? "";
  sessionStorage.removeItem(REASON);
  $("username").focus();
}

function leave(reason = "") { // a new page, so that nothing anybody wrote stays behind in this one
  forget();
  sessionStorage.setItem(REASON, reason);
  location.reload();
}

async function enter() {
  const signedOut = (code) => leave(WHY_SIGN_IN[code]);
  store = new Store({ changed: renderSoon, arrived: announce, failed: fail, state: connectionState, signedOut });
  await store.start();
  $("me").textContent = store.name(store.me.id);
  $("sign-in").hidden = true;
  $("app").hidden = false;
  render();
}

async function comeBack() {
  try { await enter(); } catch (error) {
    if (error.status === 401) return leave();
    fail(error);
    setTimeout(comeBack, RESTORE_AGAIN_MS);
  }
}

// --- what people do ---------------------------------------------------------------------------------------------

async function openConversation(id) { // what is half written belongs to its conversation
  unsent.set(store.openId, $("text").value);
  $("text").value = unsent.get(id) ?? "";
  await store.show(id);
  render();
  $("text").focus();
}

async function closeConversation() {
  const id = store.openId;
  await openConversation(null);
  document.querySelector(`[data-key="${id}"] button`)?.focus();
}

async function findPeople() {
  const people = await store.directory($("search").value);
  reconcile($("people"), people.map((person) => ({ key: person.id, ...person })), fillPerson);
  $("found").textContent = people.length ? "" : "Nobody found.";
}

function fillPerson(node, person) {
  const start = act(async () => {
    $("people").replaceChildren();
    await openConversation(await store.talkTo(person));
  });
  const role = element("span", { className: "preview" }, person.role);
  const name = isolated(person.displayName ?? person.username, "title");
  node.replaceChildren(element("button", { type: "button", onclick: start }, name, role));
}

function send() {
  const text = $("text").value;
  if (!text.trim()) return;
  store.send(text);
  $("text").value = "";
  $("messages").scrollTop = $("messages").scrollHeight;
}

$("sign-in-form").onsubmit = act(async () => {
  await signIn($("username").value, $("password").value);
  $("password").value = "";
  await enter();
});
$("sign-out").onclick = act(async () => {
  store.connection.close();
  try { await signOut(); } catch (error) {
    if (error.status !== 401) { store.connection.open(); throw error; } // 401: the session has ended already
  }
  leave();
});
$("find").onsubmit = act(findPeople);
$("compose").onsubmit = act(send);
$("text").onkeydown = (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) act(send)(event);
};
$("back").onclick = act(closeConversation);
$("older").onclick = act(() => store.older());
$("more").onclick = act(() => store.moreConversations());
$("reconnect").onclick = act(() => store.connection.open());
document.onvisibilitychange = window.onfocus = () => { if (store?.me) render(); };
window.onbeforeunload = (event) => { if (store?.outbox.size) event.preventDefault(); };

if (maybeSignedIn()) comeBack(); else showSignIn();
