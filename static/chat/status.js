// How others see this person.

import { $, act, isolated, show } from "./dom.js";
import { dot } from "./list.js";

export function statusView(store) {
  const panel = $("my-status");
  let shown = "";

  $("me").onclick = () => {
    const { status, customStatus = "" } = store.people.presence(store.me.id);
    $("status").value = status === "offline" ? "online" : status;
    $("custom-status").value = customStatus;
    panel.showModal();
  };
  $("status-form").onsubmit = act(async () => {
    await store.people.choose($("status").value, $("custom-status").value);
    panel.close();
  });

  return () => {
    const { status, customStatus = "" } = store.people.presence(store.me.id);
    const now = JSON.stringify([status, customStatus]);
    if (now === shown) return;
    shown = now;
    show($("me"), dot(status), isolated(store.name(store.me.id), "title"), isolated(customStatus, "preview"));
  };
}
