// Writing: what is half written and what it answers belongs to its conversation.

import { $, act } from "./dom.js";
import { senderOf, textOf } from "./messages.js";

// `files`: what is attached (attach.js).
export function composeView(store, files) {
  const text = $("text"), unsent = new Map(), quoted = new Map(); // by conversation

  const answer = (message) => {
    if (message) quoted.set(store.openId, message); else quoted.delete(store.openId);
    render();
    text.focus();
  };

  const send = () => {
    const attached = files.take();
    if (!text.value.trim() && !attached.attachments) return;
    const message = quoted.get(store.openId), { id, seq, senderId } = message ?? {};
    store.send(text.value.trim() && text.value, id && { id, seq, senderId, preview: textOf(message) }, attached);
    text.value = "";
    quoted.delete(store.openId);
    render();
    $("messages").scrollTop = $("messages").scrollHeight;
  };

  function render() {
    files.render();
    const message = quoted.get(store.openId);
    $("answering").hidden = !message;
    if (!message) return;
    $("answered").textContent = senderOf(store, message);
    $("answered-text").textContent = textOf(message);
  }

  // From now on another conversation is written to.
  const turnTo = (id) => {
    files.leave();
    unsent.set(store.openId, text.value);
    text.value = unsent.get(id) ?? "";
  };

  $("compose").onsubmit = act(send);
  $("unanswer").onclick = () => answer(null);
  text.oninput = () => store.typing.wrote(text.value);
  text.onkeydown = (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) act(send)(event);
    if (event.key === "Escape" && quoted.has(store.openId)) answer(null);
  };
  return { render, turnTo, quote: answer };
}
