// How files are shown, in messages and before they are sent: pictures, sound, and everything else by name.

import { api, requireOpens } from "./rest.js";
import { $, act, button, element, fail, isolated, say, show } from "./dom.js";
import { soundPlayer } from "./player.js";

const SHOWN = new Set(["image/jpeg", "image/png", "image/gif", "image/webp"]); // have thumbnails
const KINDS = { image: "Picture", audio: "Sound", video: "Video", text: "Text", "application/pdf": "PDF" };
const WORDS = {
  scanning: "is being checked for viruses and cannot be opened yet",
  infected: "is blocked: a virus was found in it",
  unscannable: "is blocked: it could not be checked for viruses",
};
const AGAIN_MS = 5000;
const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte"];

export function sizeOf(bytes) {
  const step = Math.min(UNITS.length - 1, bytes < 1000 ? 0 : Math.floor(Math.log10(bytes) / 3));
  const unitDisplay = step ? "short" : "long"; // "12.5 kB", and "12 bytes"
  const format = { style: "unit", unit: UNITS[step], unitDisplay, maximumFractionDigits: 1 };
  return new Intl.NumberFormat(undefined, format).format(bytes / 1000 ** step);
}

const kindOf = ({ mimeType }) => KINDS[mimeType] ?? KINDS[mimeType.split("/")[0]] ?? "Document";

// A link is good for five minutes: it is asked for when it is needed, and never kept.
const linkTo = ({ id }, wishes) => api("POST", `/attachments/${id}/url`, wishes);
const inPlace = (file) => linkTo(file, { disposition: "inline" });

async function download(file) {
  const { url } = await linkTo(file, { disposition: "attachment" });
  const isElsewhere = new URL(url, location).origin !== location.origin; // there the answer's headers make it a download
  const aside = isElsewhere && { target: "_blank", rel: "noopener" }; // and a refusal must not replace this page
  if (!isElsewhere && file.size) await requireOpens(url); // what fails as a download, fails silently
  element("a", { href: url, download: file.name, ...aside }).click();
}

const downloadButton = (file) =>
  button(`download ${file.id}`, "Download", act(() => download(file)), { ariaLabel: `Download ${file.name}` });

export function filesView() {
  const panel = $("picture"), known = new Map(); // what each file is shown as: loaded pictures, sound that plays
  const player = soundPlayer(inPlace, fail);
  let opened = null; // the picture in the dialog

  const near = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) if (isIntersecting) loadThumbnail(target);
  });

  async function loadThumbnail(img) { // each is recorded: only what comes into sight is asked for
    near.unobserve(img);
    try { img.src = (await linkTo(img.file, { thumbnail: true })).url; } catch (error) {
      if (error.code === "no_connection") return setTimeout(() => near.observe(img), AGAIN_MS);
      if (error.status !== 404) return fail(error);
      showPlain(img); // of some pictures none can be made
    }
  }

  function showPlain(img) {
    const plain = named(img.file);
    img.closest(".file")?.replaceWith(plain);
    if (known.has(img.file.id)) known.get(img.file.id).node = plain;
  }

  const open = async (file) => {
    opened = file;
    $("picture-title").textContent = file.name;
    show($("picture-place"), element("p", {}, "Loading…"));
    panel.showModal();
    const { url } = await inPlace(file);
    if (opened !== file) return;
    const img = element("img", { src: url, alt: file.name });
    img.onerror = () => say("The picture cannot be shown.");
    show($("picture-place"), img);
  };

  function picture(file) {
    const img = Object.assign(element("img", { alt: file.name }), { file });
    img.onerror = () => showPlain(img);
    near.observe(img);
    const about = { className: "picture", ariaLabel: `Open the picture ${file.name}` };
    return element("div", { className: "file" }, button(`picture ${file.id}`, img, act(() => open(file)), about),
      isolated(file.name, "caption"));
  }

  function named(file) {
    const about = element("span", { className: "preview" }, `${kindOf(file)}, ${sizeOf(file.size)}`);
    return element("div", { className: "file row" },
      element("span", { className: "name" }, isolated(file.name, "title"), " ", about), downloadButton(file));
  }

  function nodeOf(file, isVoice) {
    if (file.contentError) return element("p", { className: "file blocked" }, "This file cannot be opened");
    if (file.status !== "clean") {
      return element("p", { className: "file blocked" }, isolated(file.name), ` ${WORDS[file.status]}`);
    }
    if (isVoice) return player.node(file, "the voice message");
    if (file.mimeType.startsWith("audio/")) {
      const sound = player.node(file, file.name);
      return Object.assign(element("div", { className: "file" }, named(file), sound), { sound: sound.sound });
    }
    return SHOWN.has(file.mimeType) && file.width ? picture(file) : named(file);
  }

  // The node that shows this file, always the same one.
  function node(file, isVoice) {
    const version = JSON.stringify([file, isVoice]);
    if (known.get(file.id)?.version !== version) known.set(file.id, { version, node: nodeOf(file, isVoice) });
    return known.get(file.id).node;
  }

  function sweep() { // nothing stays of what is not shown any more
    for (const [id, { node: shown }] of known) {
      if (shown.isConnected) continue;
      player.leave(shown);
      known.delete(id);
      if (opened?.id === id) panel.close();
    }
  }

  panel.onclose = () => {
    opened = null;
    for (const id of ["picture-title", "picture-place"]) $(id).replaceChildren();
  };
  $("download-picture").onclick = act(() => download(opened));
  return { node, sweep };
}
