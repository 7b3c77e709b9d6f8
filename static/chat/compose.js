// Writing: what is half written and what it answers belongs to its conversation.

import { $, act } from "./dom.js";
import { senderOf, textOf } from "./messages.js";

export function composeView(store) {
  const text = $("text"), unsent = new Map(), quoted = new Map(); // by conversation

  const answer = (message) => {
    if (message) quoted.set(store.openId, message); else quoted.delete(store.openId);
    render();
    text.focus();
  };

  const send = () => {
    if (!text.value.trim()) return;
    const { id, seq, senderId, content } = quoted.get(store.openId) ?? {};
    store.send(text.value, id && { id, seq, senderId, preview: content });
    text.value = "";
    quoted.delete(store.openId);
    render();
    $("messages").scrollTop = $("messages").scrollHeight;
  };

  function render() {
    const message = quoted.get(store.openId);
    $("answering").hidden = !message;
    if (!message) return;
    $("answered").textContent = senderOf(store, message);
    $("answered-text").textContent = textOf(message);
  }

  // From now on another conversation is written to.
  const turnTo = (id) => {
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
