// Playing sound: one at a time, with its waveform and the position in it.

import { act, button, element, show } from "./dom.js";

const LOWEST = 4; // per cent of the height, so that silence is seen too
const SVG = "http://www.w3.org/2000/svg", FLAT = [LOWEST], STEPS = 100;

export function clock(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${`${whole % 60}`.padStart(2, "0")}`;
}

function svg(tag, attributes, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

// A bar for each number, from the middle up and down.
function bars(waveform, className) {
  const bar = (height, index) => `M${index + 0.5} ${50 - height / 2}v${height}`;
  const path = svg("path", { d: waveform.map((height) => Math.max(LOWEST, height)).map(bar).join("") });
  const viewBox = `0 0 ${waveform.length} 100`;
  return svg("svg", { class: className, viewBox, preserveAspectRatio: "none", "aria-hidden": "true" }, path);
}

// `linkTo(file)`: {url, expiresAt}; `failed(error)`.
export function soundPlayer(linkTo, failed) {
  const audio = new Audio();
  let current = null, until = 0, loading = null; // whose sound `audio` has, by a link that is good until then

  const isPlaying = (sound) => sound === current && sound.plays;

  async function load(sound) {
    const { url, expiresAt } = await linkTo(sound.file);
    if (sound !== current) return; // another one was begun meanwhile
    until = Date.parse(expiresAt);
    audio.src = url;
    if (sound.at) audio.currentTime = sound.at;
  }

  function turnTo(sound) {
    const before = current;
    audio.pause();
    current = sound;
    if (before) draw(before, { plays: false });
  }

  async function play(sound) {
    if (sound !== current) turnTo(sound);
    else if (loading) return loading;
    if (!audio.src || audio.error || Date.now() > until) {
      audio.removeAttribute("src"); // of another one, or of a link that has ended
      loading = load(sound).finally(() => { loading = null; });
      await loading;
    }
    if (sound === current) await audio.play().catch((error) => { if (error.name !== "AbortError") throw error; });
  }

  const lengthOf = ({ file, seconds }) => (file.durationMs ? file.durationMs / 1000 : seconds);

  function draw(sound, changes = {}) {
    Object.assign(sound, changes);
    const { at, toggle, slider, played, time, what } = sound, length = lengthOf(sound), plays = isPlaying(sound);
    toggle.className = plays ? "icon pause" : "icon play";
    toggle.ariaLabel = `${plays ? "Pause" : "Play"} ${what}`;
    slider.disabled = !length;
    slider.max = length || 1;
    slider.step = (length || 1) / STEPS;
    slider.value = at;
    time.textContent = length ? `${clock(at)} / ${clock(length)}` : clock(at);
    slider.ariaValueText = length ? `${clock(at)} of ${clock(length)}` : clock(at);
    played.style.setProperty("--played", `${length ? Math.min(1, at / length) * 100 : 0}%`);
  }

  function seek(sound) {
    const at = Number(sound.slider.value);
    if (sound === current && audio.src) audio.currentTime = at;
    draw(sound, { at });
  }

  audio.onplay = () => current && draw(current, { plays: true });
  audio.onpause = () => current && draw(current, { plays: false });
  audio.onended = () => draw(current, { plays: false, at: 0 });
  audio.ontimeupdate = () => audio.src && !audio.ended && draw(current, { at: audio.currentTime });
  audio.ondurationchange = () => Number.isFinite(audio.duration) && draw(current, { seconds: audio.duration });
  audio.onerror = () => {
    if (!audio.src) return;
    const { plays } = current;
    draw(current, { plays: false });
    if (Date.now() <= until) return failed(new Error("This cannot be played."));
    if (plays) play(current).catch(failed); // its link ended in the middle
  };

  // What plays this file, called `what`.
  function node(file, what) {
    const sound = { file, what, at: 0, seconds: 0, plays: false }, heights = file.waveform ?? FLAT;
    sound.toggle = button(`play ${file.id}`, "", act(() => (isPlaying(sound) ? audio.pause() : play(sound))));
    const about = { type: "range", name: `seek ${file.id}`, min: 0, ariaLabel: `Position in ${what}` };
    sound.slider = element("input", about);
    sound.slider.oninput = () => seek(sound);
    sound.played = bars(heights, "played");
    sound.time = element("span", { className: "time" });
    const wave = show(element("span", { className: "wave" }), bars(heights, "whole"), sound.played, sound.slider);
    draw(sound);
    return Object.assign(element("div", { className: "player" }, sound.toggle, wave, sound.time), { sound });
  }

  function leave(gone) { // this node is not shown any more
    if (!gone.sound || gone.sound !== current) return;
    turnTo(null);
    audio.removeAttribute("src");
    audio.load(); // lets go of what it has
  }

  return { node, leave };
}
