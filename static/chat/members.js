// The people of the open conversation.

import { api } from "./rest.js";
import { $, act, confirmed, element, isolated, reconcile, show } from "./dom.js";
import { dot } from "./list.js";
import { peopleSearch } from "./rooms.js";

export function membersView(store) {
  const panel = $("members"), path = () => `/conversations/${store.openId}/members`;

  const item = (member) => {
    const { userId, role, isMuted } = member, { status, customStatus = "" } = store.people.presence(userId);
    const about = [role, isMuted && "muted"].filter(Boolean).join(", ");
    const name = store.name(userId), removable = store.open.mayRemove(member);
    return { key: userId, name, handle: `@${member.username}`, about, status, customStatus, removable };
  };

  const fill = (node, { key, name, handle, about, status, customStatus, removable }) => {
    const remove = confirmed("remove", "Remove", "Really remove?", () => api("DELETE", `${path()}/${key}`), name);
    const who = [isolated(name, "title"), " ", isolated(handle, "handle"), isolated(customStatus, "preview")];
    show(node, dot(status), element("span", {}, who),
      element("span", { className: "role" }, about), removable && remove);
  };

  const leave = async () => {
    await api("POST", `/conversations/${store.openId}/leave`);
    panel.close();
  };

  function render() {
    const { open } = store;
    if (!open) return panel.close();
    $("people-here").textContent = open.isRoom ? `Members (${open.info.memberCount})` : "Members";
    if (!panel.open) return;
    const members = [...open.members?.values() ?? []];
    reconcile($("member-list"), members.map(item), fill);
    $("description").textContent = open.info.description ?? "";
    $("add-member").hidden = !open.leads;
    $("leaving").hidden = !open.isRoom;
  }

  peopleSearch("add-member", "Add somebody", ({ id }) => api("POST", path(), { userIds: [id] }));
  $("people-here").onclick = act(() => {
    $("leaving").replaceChildren(confirmed("leave", "Leave", "Really leave?", leave));
    panel.showModal();
    render();
  });
  return render;
}
