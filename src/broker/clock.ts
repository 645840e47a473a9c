/** The only source of time in the broker room: tests and simulations pass their own. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Runs `run` once, `delayMs` from now at the earliest. */
  setTimer(delayMs: number, run: () => void): Timer;
}

/** A call that is to come. */
export interface Timer {
  cancel(): void;
}

/** The longest delay `setTimeout` takes; longer ones are waited for in steps. */
const delayMsMax = 2 ** 31 - 1;

/** The clock of the machine. Its timers do not keep the process alive. */
export const systemClock: Clock = {
  now: () => Date.now(),
  setTimer: (delayMs, run) =>
    delayMs > delayMsMax ? setLongTimer(delayMs, run) : setShortTimer(delayMs, run),
};

function setShortTimer(delayMs: number, run: () => void): Timer {
  const handle = setTimeout(run, Math.max(0, delayMs)).unref();
  return { cancel: () => clearTimeout(handle) };
}

function setLongTimer(delayMs: number, run: () => void): Timer {
  const due = Date.now() + delayMs;
  let step: Timer;
  const wait = (): void => {
    const left = due - Date.now();
    step = left > delayMsMax ? setShortTimer(delayMsMax, wait) : setShortTimer(left, run);
  };
  wait();
  return { cancel: () => step.cancel() };
}
