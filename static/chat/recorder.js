// A voice message from the microphone: the sound, how long it is, and how loud it is from beginning to end.

const KINDS = [["audio/webm;codecs=opus", "webm"], ["audio/mp4", "m4a"], ["audio/ogg;codecs=opus", "ogg"]];
const BITS_PER_SECOND = 32_000, PART_MS = 1000, LISTEN_MS = 100, LONGEST_MS = 15 * 60_000;
const MOST_VALUES = 64, HIGHEST = 100, SILENCE = 0.01;
const BROKEN = "The microphone does not work.";
const REFUSALS = {
  NotAllowedError: "The microphone may not be used. Allow it for this page in the browser, then try again.",
  NotFoundError: "There is no microphone.",
  NotReadableError: "The microphone is in use by something else, or does not work.",
};

const kind = () => KINDS.find(([type]) => window.MediaRecorder?.isTypeSupported(type));

// Only pages that came by TLS, or from this machine, are given a microphone.
export const canRecord = () => Boolean(navigator.mediaDevices?.getUserMedia && kind());

// At most 64 numbers from 0 to 100; the loudest moment is 100, and silence is 0.
export function waveformOf(levels) {
  const count = Math.max(1, Math.min(MOST_VALUES, levels.length)), loudest = Math.max(SILENCE, ...levels);
  const peak = (index) => {
    const from = Math.floor((index * levels.length) / count), to = Math.ceil(((index + 1) * levels.length) / count);
    return Math.max(0, ...levels.slice(from, to));
  };
  return Array.from({ length: count }, (_, index) => Math.round((peak(index) / loudest) * HIGHEST));
}

export class Recorder {
  #on; #take = null; #starting = false;

  // `on`: changed(), heard(ms, level) ten times a second, done(conversationId, file, {durationMs, waveform}).
  constructor(on) { this.#on = on; }

  get conversationId() { return this.#take?.conversationId ?? null; } // null: nothing is being recorded

  async start(conversationId) {
    if (this.#take || this.#starting) return;
    this.#starting = true;
    try {
      const stream = await microphone();
      try { this.#begin(conversationId, stream); } catch {
        silence(stream);
        throw new Error(BROKEN);
      }
    } finally { this.#starting = false; }
    this.#on.changed();
  }

  stop() { this.#take?.recorder.stop(); } // what was recorded is `done`

  discard() {
    if (this.#take) this.#take.kept = false;
    this.stop();
  }

  #begin(conversationId, stream) {
    const [mimeType, ending] = kind(), context = new AudioContext(), analyser = context.createAnalyser();
    const recorder = new MediaRecorder(stream, { mimeType, audioBitsPerSecond: BITS_PER_SECOND });
    const take = { conversationId, recorder, kept: true, parts: [], levels: [], beganAt: performance.now() };
    analyser.fftSize = 8192; // a little more than what passes between two looks
    context.createMediaStreamSource(stream).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    const listening = setInterval(() => this.#listen(take, analyser, samples), LISTEN_MS);
    recorder.ondataavailable = ({ data }) => take.parts.push(data);
    recorder.onstop = () => { // also when the microphone is pulled out
      clearInterval(listening);
      silence(stream);
      context.close();
      this.#end(take, mimeType, ending);
    };
    recorder.start(PART_MS);
    this.#take = take;
  }

  #listen(take, analyser, samples) {
    analyser.getFloatTimeDomainData(samples);
    const level = samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
    const ms = performance.now() - take.beganAt;
    take.levels.push(level);
    this.#on.heard(ms, level);
    if (ms >= LONGEST_MS && take.recorder.state === "recording") take.recorder.stop();
  }

  #end({ conversationId, kept, parts, levels, beganAt }, type, ending) {
    const durationMs = Math.round(performance.now() - beganAt);
    this.#take = null;
    if (kept) {
      const file = new File(parts, `Voice message.${ending}`, { type });
      this.#on.done(conversationId, file, { durationMs, waveform: waveformOf(levels) });
    }
    this.#on.changed();
  }
}

async function microphone() {
  try { return await navigator.mediaDevices.getUserMedia({ audio: true }); } catch (error) {
    throw new Error(REFUSALS[error.name] ?? BROKEN);
  }
}

// The browser stops showing that it listens.
const silence = (stream) => stream.getTracks().forEach((track) => track.stop());
