/**
 * Time as an input. Domains never read the machine's clock, so that one process can simulate the control plane.
 * All times inside Slipway are epoch milliseconds (UTC); codecs turn them into the wire's forms.
 */
export interface Clock {
  /** Now, in epoch milliseconds. */
  now(): number;
  /** Calls back once, not before `atMs`; returns a function that cancels. */
  at(atMs: number, callback: () => void): () => void;
}

const TIMEOUT_MS_MAX = 2 ** 31 - 1; // setTimeout fires at once beyond this

export const systemClock: Clock = {
  now: () => Date.now(),
  at(atMs, callback) {
    let handle: NodeJS.Timeout;
    const arm = () => {
      const leftMs = atMs - Date.now();
      handle = leftMs > TIMEOUT_MS_MAX ? setTimeout(arm, TIMEOUT_MS_MAX) : setTimeout(callback, Math.max(0, leftMs));
    };
    arm();
    return () => clearTimeout(handle);
  },
};
