// Choosing files for a message: by the button, dropped, pasted, or recorded.

import { $, act, announce, button, element, fail, isolated, reconcile, refusal, show } from "./dom.js";
import { clock } from "./player.js";
import { canRecord, Recorder } from "./recorder.js";
import { MOST_FILES, Uploads } from "./uploads.js";

const FAMILIES = new Set(["image", "video", "audio"]);
const STATES = { waiting: "Waiting…", checking: "Being checked for viruses…" };

const percent = (part) => (part < 1 ? `${Math.floor(part * 100)} %` : "Nearly done…");

// What a message with these files is.
function typeOf(items) {
  const [family, ...others] = new Set(items.map(({ attachment }) => attachment.mimeType.split("/")[0]));
  if (items.length === 1 && items[0].isVoice) return "voice";
  return !others.length && FAMILIES.has(family) ? family : "file";
}

export function attachView(store, files, renderSoon) {
  const tray = $("tray"), nodeOf = (key) => tray.querySelector(`[data-key="${key}"]`);
  let wasReady = true;

  const uploads = new Uploads({
    changed: renderSoon,
    progressed: (item) => drawProgress(item),
    settled: ({ name, state, words }) => announce(state === "ready" ? `${name} is attached.` : `${name}: ${words}`),
    failed: fail,
  });
  const recorder = new Recorder({
    changed: renderSoon,
    heard: (ms, level) => {
      $("recorded").textContent = clock(ms / 1000);
      $("level").value = level;
    },
    done: (conversationId, file, recorded) => uploads.add(conversationId, file, recorded),
  });

  // --- what is chosen -----------------------------------------------------------------------------------------------

  const roomIn = (id) => MOST_FILES - uploads.of(id).length - (recorder.conversationId === id ? 1 : 0);

  function requireRoom(count, room) {
    if (count > room) throw new Error(`At most ${MOST_FILES} files go with one message.`);
  }

  function attach(chosen) {
    const room = Math.max(0, roomIn(store.openId)), files = [...chosen];
    for (const file of files.slice(0, room)) uploads.add(store.openId, file);
    requireRoom(files.length, room);
  }

  // What goes with the message that is being sent: {} or {type, attachments}. Fails when something is not ready.
  function take() {
    const items = uploads.of(store.openId), { conversationId } = recorder;
    if (conversationId && conversationId === store.openId) throw new Error("Stop the recording first, or discard it.");
    requireReady(items);
    if (!items.length) return {};
    uploads.take(store.openId);
    return { type: typeOf(items), attachments: items.map(({ attachment }) => attachment) };
  }

  function requireReady(items) {
    const is = (...states) => items.find(({ state }) => states.includes(state)), refused = is("refused");
    if (refused) {
      nodeOf(refused.key).scrollIntoView({ block: "nearest" });
      throw refusal(isolated(refused.name), " cannot be sent. Remove it first.");
    }
    if (is("waiting", "uploading", "broken")) throw new Error("The files have not all arrived yet.");
    if (is("checking")) throw new Error("The files are still being checked for viruses.");
  }

  const remove = (key) => () => {
    $("text").focus(); // the button that was pressed goes
    uploads.remove(key);
  };

  const record = async () => {
    const id = store.openId;
    requireRoom(1, roomIn(id));
    await recorder.start(id);
    if (id !== store.openId) return recorder.discard(); // they went on while the browser asked them
    render();
    $("stop-recording").focus();
    announce("Recording.");
  };

  const end = (how) => act(() => {
    $("text").focus();
    how();
  });

  // --- how it is shown ----------------------------------------------------------------------------------------------

  const shownOf = ({ key, name, state, words, attachment, isVoice }) =>
    ({ key, name, state, words, isVoice, attachment: state === "ready" ? attachment : null });

  function fill(node, { key, name, state, words, attachment, isVoice }) {
    const isUnderway = state === "waiting" || state === "uploading";
    const progress = element("progress", { max: 1, ariaLabel: name });
    const off = isUnderway ? button("remove", "Cancel", remove(key), { ariaLabel: `Cancel ${name}` })
      : button("remove", "Remove", remove(key), { ariaLabel: `Remove ${name}` });
    node.className = state;
    if (attachment) return show(node, files.node(attachment, isVoice), off);
    const about = element("span", { className: "state" }, words || STATES[state]);
    const again = button("again", "Try again", () => uploads.again(key), { ariaLabel: `Try again: ${name}` });
    show(node, element("span", { className: "name" }, isolated(name, "title"), " ", about),
      state === "uploading" && progress, state === "broken" && again, off);
  }

  function drawProgress({ key, part, words, conversationId }) {
    const progress = conversationId === store.openId && nodeOf(key)?.querySelector("progress");
    if (!progress) return;
    progress.value = part;
    nodeOf(key).querySelector(".state").textContent = words || percent(part);
  }

  function render() {
    const items = uploads.of(store.openId), isRecording = recorder.conversationId !== null;
    reconcile(tray, items.map(shownOf), fill);
    items.forEach(drawProgress);
    tray.hidden = !items.length;
    $("recording").hidden = !isRecording;
    $("record").hidden = isRecording || !canRecord();
    if (store.connection.ready && !wasReady) uploads.mend();
    wasReady = store.connection.ready;
  }

  // --- dropped and pasted -------------------------------------------------------------------------------------------

  const hasFiles = ({ dataTransfer }) => Boolean(dataTransfer?.types.includes("Files"));
  const isWelcome = () => Boolean(store.open) && !document.querySelector("dialog[open]");
  const showDrop = (on) => $("conversation").classList.toggle("dropping", on);

  document.ondragover = (event) => { // anywhere: a file that is dropped beside it must not replace the page
    if (!hasFiles(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = isWelcome() ? "copy" : "none";
    showDrop(isWelcome());
  };
  document.ondragleave = ({ relatedTarget }) => { if (!relatedTarget) showDrop(false); };
  document.ondrop = (event) => {
    if (!hasFiles(event)) return;
    showDrop(false);
    act(() => { if (isWelcome()) attach(event.dataTransfer.files); })(event);
  };
  $("text").onpaste = (event) => {
    const { files: pasted, types } = event.clipboardData;
    const isText = types.includes("text/html") && types.includes("text/plain"); // and a picture of it, from an office
    if (pasted.length && !isText) act(() => attach(pasted))(event);
  };

  $("attach").onclick = () => $("chosen").click();
  $("chosen").onchange = act(() => {
    const chosen = [...$("chosen").files];
    $("chosen").value = ""; // so that the same one can be chosen again
    $("text").focus();
    attach(chosen);
  });
  $("record").onclick = act(record);
  $("stop-recording").onclick = end(() => recorder.stop());
  $("discard-recording").onclick = end(() => recorder.discard());

  const leave = () => recorder.stop(); // for another conversation: what was said so far is kept with this one
  const forget = (id) => {
    if (recorder.conversationId === id) recorder.discard();
    uploads.forget(id);
  };
  const discard = (attachments) => uploads.discard(attachments);
  const isPending = () => uploads.size > 0 || recorder.conversationId !== null; // something would be lost
  return { render, take, leave, forget, discard, isPending };
}
