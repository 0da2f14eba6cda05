const CHANGED = 'slipway-changed';

/** Something was changed here: the page is to look at once, not with its next look. */
export const lookAgain = (): void => void dispatchEvent(new Event(CHANGED));

/** Calls `listener` until the function it gives back is called. */
export function onChange(listener: () => void): () => void {
  addEventListener(CHANGED, listener);
  return () => removeEventListener(CHANGED, listener);
}
