// Names and texts come from other people: they become text nodes, never markup.

export const $ = (id) => document.getElementById(id);

const shownAs = new WeakMap();

// Children that are false, null or empty are left out, lists of children taken apart.
export function show(node, ...children) {
  node.replaceChildren(...children.flat().filter(Boolean));
  return node;
}

export function element(tag, properties = {}, ...children) {
  return show(Object.assign(document.createElement(tag), properties), ...children);
}

export const isolated = (text, className = "") => element("bdi", { className, dir: "auto" }, text);

export const button = (name, label, onclick, properties = {}) =>
  element("button", { type: "button", name, onclick, ...properties }, label);

// Makes the children of `parent` show `items` in their order, touching only what changed, so that focus, selection and
// scroll position stay. `items`: {key, …}; `fill(node, item)` gives a node its content.
export function reconcile(parent, items, fill) {
  const old = new Map([...parent.children].map((node) => [node.dataset.key, node]));
  const keys = new Set(items.map(({ key }) => key));
  for (const [key, node] of old) if (!keys.has(key)) node.remove(); // first: what stays is then not moved and keeps focus
  items.forEach((item, index) => {
    const node = old.get(item.key) ?? element("li");
    const version = JSON.stringify(item);
    if (shownAs.get(node) !== version) keepingFocus(node, () => fill(node, item));
    shownAs.set(node, version);
    node.dataset.key = item.key;
    if (parent.children[index] !== node) parent.insertBefore(node, parent.children[index] ?? null);
  });
}

// A button that was focused is, after the change, the one of the same name, or the first one.
function keepingFocus(node, change) {
  const { name } = node.contains(document.activeElement) ? document.activeElement : {};
  change();
  if (!name || node.contains(document.activeElement)) return;
  (node.querySelector(`[name="${CSS.escape(name)}"]`) ?? node.querySelector("button"))?.focus();
}

// What goes wrong is said where the person is: in the open dialog, if there is one.
const notices = () => document.querySelector("dialog[open] .notice") ?? $("notice");

export function say(text) { notices().textContent = text; }
export function fail(error) { say(error.message); }

// Runs what a person asked for and says so when it fails.
export const act = (action) => async (event) => {
  event?.preventDefault();
  say("");
  try { await action(event); } catch (error) { fail(error); }
};

// A button for what cannot be taken back: the first press asks, the second does it. `whom`: for who hears only its name.
export function confirmed(name, label, question, action, whom = "") {
  const asks = button(name, label, act(async () => {
    if (asks.textContent === question) return action();
    asks.textContent = question;
    asks.ariaLabel = null;
    asks.classList.add("asks");
  }), whom && { ariaLabel: `${label} ${whom}` });
  return asks;
}
