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

export function say(...content) { show(notices(), ...content); }
export function fail(error) { say(...(error.content ?? [error.message])); }

// What went wrong, told with other people's words in it, or a file's name: isolated.
export const refusal = (...content) => Object.assign(new Error("refused"), { content });

// For who hears the page. What comes together is said together: one text would take the place of the other.
const TOGETHER_MS = 100;
let unsaid = [];

export function announce(text) {
  if (!unsaid.length) setTimeout(() => { $("announcement").textContent = unsaid.splice(0).join(" "); }, TOGETHER_MS);
  unsaid.push(text);
}

// Runs what a person asked for and says so when it fails.
export const act = (action) => async (event) => {
  event?.preventDefault();
  say("");
  try { await action(event); } catch (error) { fail(error); }
};

// Whether this button has asked already, and been pressed again; otherwise it asks now, for as long as they stay with it.
export function hasAsked(asks, question) {
  const { textContent, ariaLabel } = asks;
  if (textContent === question) return true;
  Object.assign(asks, { textContent: question, ariaLabel: null });
  asks.classList.add("asks");
  asks.onblur = () => Object.assign(asks, { textContent, ariaLabel }).classList.remove("asks");
  return false;
}

// A button for what cannot be taken back: the first press asks, the second does it. `whom`: for who hears only its name.
export function confirmed(name, label, question, action, whom = "") {
  const asks = button(name, label, act(async () => { if (hasAsked(asks, question)) await action(); }),
    whom && { ariaLabel: `${label} ${whom}` });
  return asks;
}
