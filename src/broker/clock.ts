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
  setTimer(delayMs, run) {
    const due = Date.now() + delayMs;
    let handle: NodeJS.Timeout;
    const arm = (): void => {
      const left = due - Date.now();
      handle = left > delayMsMax ? setTimeout(arm, delayMsMax) : setTimeout(run, Math.max(0, left));
      handle.unref();
    };
    arm();
    return { cancel: () => clearTimeout(handle) };
  },
};
