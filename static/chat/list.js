// The list of conversations, and what somebody's presence looks like.

import { $, act, button, element, isolated, reconcile, show } from "./dom.js";
import { called } from "./conversation.js";
import { textOf } from "./messages.js";

const KINDS = {
  clinical: "Clinical", direct: "Direct",
  group: "Group", public: "Public room", private: "Private room", course: "Course", study_group: "Study group",
};

export const kindOf = ({ kind, courseId }) => [KINDS[kind], courseId].filter(Boolean).join(" ");

export function dot(status) {
  return element("span", { className: `dot ${status}`, role: "img", ariaLabel: status, title: status });
}

// The presence of the other of two people.
export function presenceOf(store, { others, isRoom }) {
  return !isRoom && others.length === 1 ? store.people.presence(others[0]) : null;
}

const badge = (className, sign, count, what) =>
  count && element("span", { className: `badge ${className}` }, `${sign}${count}`, element("span", {}, ` ${what}`));

export function listView(store, open) {
  const item = (conversation) => {
    const { id, info } = conversation;
    const { lastMessage, unreadCount: unread, mentionCount: mentions } = info;
    const content = lastMessage?.preview && called(lastMessage.preview, lastMessage.type);
    const preview = lastMessage ? textOf({ ...lastMessage, content }) : "";
    const status = presenceOf(store, conversation)?.status;
    const kind = kindOf(info), isOpen = id === store.openId;
    return { key: id, title: store.title(conversation), preview, unread, mentions, status, kind, isOpen };
  };
  const fill = (node, { key, title, preview, unread, mentions, status, kind, isOpen }) => {
    const row = node.firstChild ?? button("open", "", act(() => open(key)));
    show(row,
      element("span", {}, status && dot(status), isolated(title, "title")),
      element("span", {}, badge("mentions", "@", mentions, "mentions"), badge("unread", "", unread, "unread")),
      element("span", { className: "preview" }, kind && [element("span", { className: "kind" }, kind), " "],
        isolated(preview)));
    row.ariaCurrent = `${isOpen}`;
    if (!node.firstChild) node.append(row);
  };
  return () => {
    reconcile($("conversations"), store.list().map(item), fill);
    $("more").hidden = !store.nextCursor;
  };
}
