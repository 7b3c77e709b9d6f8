// The page: signing in and out, and putting together what is shown.

import { forget, maybeSignedIn, signIn, signOut, whenAnotherTabSigns } from "./rest.js";
import { Store } from "./store.js";
import { $, act, announce, fail, hasAsked, isolated, say, show } from "./dom.js";
import { attachView } from "./attach.js";
import { composeView } from "./compose.js";
import { filesView } from "./files.js";
import { dot, listView, presenceOf } from "./list.js";
import { membersView } from "./members.js";
import { messagesView, senderOf, textOf } from "./messages.js";
import { startRooms } from "./rooms.js";
import { statusView } from "./status.js";

const WHY_SIGN_IN = { 4401: "Sign in again.", 4403: "This account is disabled.", 4410: "You were signed out." };
const REASON = "parley-reason", RESTORE_AGAIN_MS = 5000, RENDER_EVERY_MS = 30;
let store = null, attached = null, compose = null, views = [], rendering = null;

// --- what is shown ----------------------------------------------------------------------------------------------

function renderSoon() { // a replay of many events is one change of the page
  rendering ??= setTimeout(render, RENDER_EVERY_MS);
}

function render() {
  clearTimeout(rendering);
  rendering = null;
  const { open } = store;
  document.body.dataset.view = open ? "conversation" : "list";
  $("conversation").hidden = !open;
  document.title = store.unread ? `(${store.unread}) Parley` : "Parley";
  for (const view of views) view();
  if (open && document.visibilityState === "visible" && document.hasFocus()) store.seen();
}

function renderOpen(renderHistory) {
  const { open, threadId, typing } = store;
  if (!open) return renderHistory(); // nothing of it stays behind
  const presence = presenceOf(store, open);
  $("title").textContent = store.title(open);
  show($("presence"), presence && [dot(presence.status), isolated(presence.customStatus ?? "")]);
  $("older").hidden = !open.hasOlder || Boolean(threadId);
  $("thread").hidden = !threadId;
  renderHistory();
  const names = typing.who.flatMap((id, index) => [index && ", ", isolated(store.name(id))]);
  show($("typing"), ...names, names.length && (names.length > 2 ? " are typing…" : " is typing…"));
}

function arrived(conversation, message) {
  const where = conversation.id === store.openId ? "" : " (another conversation)";
  announce(`${senderOf(store, message)}${where}: ${textOf(message)}`);
}

function connectionState(text, stopped = false) {
  $("connection").textContent = text;
  $("reconnect").hidden = !stopped;
}

function showSignIn() {
  $("sign-in").hidden = false;
  say(sessionStorage.getItem(REASON) ?? "");
  sessionStorage.removeItem(REASON);
  $("username").focus();
}

const wouldLose = () => Boolean(store?.outbox.size || attached?.isPending());

function startAnew() { // so that nothing anybody wrote stays behind in this page: at once, and whatever could not be sent
  window.onbeforeunload = null;
  document.body.hidden = true;
  location.reload();
}

function leave(reason = "") {
  forget();
  sessionStorage.setItem(REASON, reason);
  startAnew();
}

async function enter() {
  const signedOut = (code) => leave(WHY_SIGN_IN[code]);
  const gone = (it) => {
    attached?.forget(it.id);
    show($("notice"), "You are no longer in ", isolated(store.title(it)), ".");
  };
  const on = { changed: renderSoon, arrived, gone, failed: fail, state: connectionState, signedOut };
  store = new Store(on);
  await store.start();
  startRooms(store, openConversation);
  const files = filesView();
  attached = attachView(store, files, renderSoon);
  compose = composeView(store, attached);
  const { node } = files, { discard } = attached;
  const renderHistory = messagesView(store, { quote: compose.quote, files: { node, discard }, renderSoon });
  views = [listView(store, openConversation), () => renderOpen(renderHistory), compose.render, membersView(store),
    statusView(store), files.sweep];
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

async function openConversation(id) {
  compose.turnTo(id);
  const loaded = store.show(id);
  render();
  $("text").focus(); // at once: who goes on typing elsewhere while it loads must not be interrupted
  await loaded;
  render();
}

async function closeConversation() {
  const id = store.openId;
  await openConversation(null);
  document.querySelector(`[data-key="${id}"] button`)?.focus();
}

$("sign-in-form").onsubmit = act(async () => {
  await signIn($("username").value, $("password").value, $("otp").value);
  $("password").value = $("otp").value = "";
  await enter();
});
$("sign-out").onclick = act(async () => {
  if (wouldLose() && !hasAsked($("sign-out"), "Really sign out?")) return say("What is not sent yet would be lost.");
  store.connection.close();
  try { await signOut(); } catch (error) {
    if (error.status !== 401) { store.connection.open(); throw error; } // 401: the session has ended already
  }
  leave();
});
$("back").onclick = act(closeConversation);
$("all-messages").onclick = act(() => {
  $("text").focus(); // this button goes
  return store.showThread(null);
});
$("older").onclick = act(() => store.older());
$("more").onclick = act(() => store.moreConversations());
$("reconnect").onclick = act(() => store.connection.open());
for (const dialog of document.querySelectorAll("dialog")) {
  dialog.querySelector(".close").onclick = () => dialog.close();
}
document.onvisibilitychange = window.onfocus = () => { if (store?.me) render(); };
window.onbeforeunload = (event) => { if (wouldLose()) event.preventDefault(); };
whenAnotherTabSigns(startAnew);

if (maybeSignedIn()) comeBack(); else showSignIn();
