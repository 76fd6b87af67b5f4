// How long a session has gone on, and gentle words before it ends.

const TICK = 1000;
const REMIND_BEFORE = [5, 1]; // minutes

/**
 * Tells the minutes passed every second, each reminder once, and the end.
 * @param {number} minutes
 * @param {{passed: (seconds: number) => void, remind: (minutes: number) => void, over: () => void}} on
 * @returns {() => void} stops it
 */
export function time(minutes, on) {
  const begun = performance.now();
  const due = REMIND_BEFORE.filter(before => before < minutes);
  const ticking = setInterval(tick, TICK);
  tick();
  return () => clearInterval(ticking);

  function tick() {
    const passed = (performance.now() - begun) / 1000;
    const left = minutes - passed / 60;
    on.passed(passed);
    if (left <= 0) return stop();
    const last = due.filter(before => left <= before).at(-1);
    if (last === undefined) return;
    due.splice(0, due.indexOf(last) + 1);
    on.remind(last);
  }

  function stop() {
    clearInterval(ticking);
    on.over();
  }
}

/** 3:05 @param {number} seconds */
export function clock(seconds) {
  return `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
}
