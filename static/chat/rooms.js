// Finding people and rooms, and making rooms.

import { api } from "./rest.js";
import { $, act, button, element, isolated, reconcile } from "./dom.js";
import { kindOf } from "./list.js";

const found = async (path, words) => {
  const { results } = await api("GET", `${path}?search=${encodeURIComponent(words)}`);
  return results.map((one) => ({ key: one.id, ...one }));
};

const choice = (name, title, detail, onclick) =>
  button(name, [isolated(title, "title"), isolated(detail, "preview")], onclick);

// A search in `place`: `ask(words)` finds items, and each is shown as what `choiceOf(item)` makes of it.
function searchIn(place, label, list, ask, choiceOf) {
  const input = element("input", { type: "search", autocomplete: "off", id: `${place}-words` });
  const state = element("p", { role: "status" }), results = element("ul", { ariaLabel: list });
  const form = element("form", { role: "search" }, element("label", { htmlFor: input.id }, label),
    element("div", { className: "row" }, input, element("button", {}, "Find")));
  form.onsubmit = act(async () => {
    const items = await ask(input.value);
    reconcile(results, items, (node, item) => node.replaceChildren(choiceOf(item)));
    state.textContent = items.length ? "" : "Nothing found.";
  });
  $(place).replaceChildren(form, state, results);
  return () => {
    results.replaceChildren();
    input.value = "";
  };
}

// A search for people; a click on one of them is `pick(person)`.
export function peopleSearch(place, label, pick) {
  const clear = searchIn(place, label, "People", (words) => found("/users", words), (person) => {
    const picked = act(async () => {
      clear();
      await pick(person);
    });
    return choice("pick", person.displayName ?? person.username, `@${person.username}, ${person.role}`, picked);
  });
}

export function startRooms(store, open) {
  const invited = new Map();

  const showInvited = () => reconcile($("invited"), [...invited.values()], (node, { key, name }) => {
    const uninvite = () => { invited.delete(key); showInvited(); };
    node.replaceChildren(isolated(name), button("uninvite", "Remove", uninvite, { ariaLabel: `Remove ${name}` }));
  });

  const create = async () => {
    const kind = $("kind").value, name = $("name").value, memberIds = [...invited.keys()];
    const course = kind === "course" && { courseId: $("course").value };
    const id = await store.create({ kind, name, ...course, ...(memberIds.length && { memberIds }) });
    $("new-room").close();
    await open(id);
  };

  const joinable = (room) => {
    const members = `${kindOf(room)}, ${room.memberCount} ${room.memberCount === 1 ? "member" : "members"}`;
    return choice("join", room.name, [members, room.description].filter(Boolean).join(" · "), act(async () => {
      await store.join(room.id);
      $("find-room").close();
      await open(room.id);
    }));
  };

  peopleSearch("find", "Talk to somebody", async (person) => open(await store.talkTo(person)));
  peopleSearch("invite", "Invite people", ({ id, displayName, username }) => {
    invited.set(id, { key: id, name: displayName ?? username });
    showInvited();
  });
  searchIn("rooms", "Words of its name", "Rooms", (words) => found("/conversations/discover", words), joinable);

  $("kind").onchange = () => { $("of-course").hidden = $("course").disabled = $("kind").value !== "course"; };
  $("new-room-form").onsubmit = act(create);
  $("make-room").onclick = () => {
    $("new-room-form").reset();
    $("kind").onchange();
    invited.clear();
    showInvited();
    $("new-room").showModal();
  };
  $("discover").onclick = () => {
    $("find-room").showModal();
    $("rooms").querySelector("form").requestSubmit();
  };
  $("room-tools").hidden = store.me.role === "patient"; // patients are in rooms that others add them to
}
