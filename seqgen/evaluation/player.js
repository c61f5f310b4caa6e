// Plays a piece of music with oscillators; no sound is loaded.

const AHEAD = 0.5; // seconds for which notes are scheduled in advance
let stopPlaying = null;

function toggle(piece, button, svg, x, height) {
  const own = stopPlaying && stopPlaying.button === button;
  if (stopPlaying) stopPlaying();
  if (!own) play(piece, button, svg, x, height);
}
function play(piece, button, svg, x, height) {
  const context = new AudioContext(), out = context.createDynamicsCompressor();
  out.connect(context.destination);
  const notes = [...piece.notes].sort((one, other) => one[5] - other[5]);
  const cursor = shape("line", { class: "cursor", y1: 14, y2: height });
  svg.append(cursor);
  const end = piece.times.at(-1) + 1, begin = context.currentTime + 0.1;
  let next = 0;
  const proceed = () => {
    const now = context.currentTime - begin;
    for (; next < notes.length && notes[next][5] < now + AHEAD; next++) {
      const [, , , pitch, track, at, length, velocity] = notes[next];
      (piece.drums[track] ? strike : sound)(context, out, pitch, Math.max(context.currentTime, begin + at), length, (velocity / 127) ** 2);
    }
    const place = x(stepAt(piece, Math.max(0, now)));
    cursor.setAttribute("x1", place);
    cursor.setAttribute("x2", place);
    const roll = svg.parentElement;
    if (place < roll.scrollLeft || place > roll.scrollLeft + 0.9 * roll.clientWidth) roll.scrollLeft = place - 0.1 * roll.clientWidth;
    if (now > end) stopPlaying();
  };
  const timer = setInterval(proceed, 40);
  stopPlaying = () => {
    clearInterval(timer);
    context.close();
    cursor.remove();
    button.textContent = "\u25b6 Play";
    stopPlaying = null;
  };
  stopPlaying.button = button;
  button.textContent = "\u25a0 Stop";
  proceed();
}
function stepAt({ times, bars, start }, seconds) {
  const bar = Math.max(0, times.findLastIndex((time, place) => time <= seconds && place < times.length - 1));
  const first = Math.max(bars[bar], start), share = (seconds - times[bar]) / (times[bar + 1] - times[bar]);
  return first + Math.min(1, share) * (bars[bar + 1] - first);
}
function sound(context, out, pitch, at, length, loudness) {
  const tone = context.createOscillator(), volume = context.createGain(), end = at + Math.max(0.05, length);
  tone.type = "triangle";
  tone.frequency.value = 440 * 2 ** ((pitch - 69) / 12);
  volume.gain.setValueAtTime(0, at);
  volume.gain.linearRampToValueAtTime(0.5 * loudness, at + 0.015);
  volume.gain.setTargetAtTime(0.2 * loudness, at + 0.015, 0.4);
  volume.gain.setTargetAtTime(0, end, 0.04);
  tone.connect(volume).connect(out);
  tone.start(at);
  tone.stop(end + 0.3);
}
function strike(context, out, pitch, at, length, loudness) {
  const seconds = pitch >= 42 ? 0.12 : 0.25, size = Math.ceil(seconds * context.sampleRate);
  const noise = context.createBufferSource(), filter = context.createBiquadFilter();
  noise.buffer = context.createBuffer(1, size, context.sampleRate);
  const samples = noise.buffer.getChannelData(0);
  for (let place = 0; place < size; place++) samples[place] = loudness * (2 * Math.random() - 1) * Math.exp((-6 * place) / size);
  filter.type = pitch >= 42 ? "highpass" : "lowpass"; // cymbals and hi-hats, or drums
  filter.frequency.value = pitch >= 42 ? 5000 : 60 * 2 ** ((pitch - 35) / 3);
  noise.connect(filter).connect(out);
  noise.start(at);
}
