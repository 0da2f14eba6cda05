const INTERVAL_MS = 1000;

/** Runs `look` now and then every second while the tab is visible, until it answers false or the page is left. */
export async function refresh(signal: AbortSignal, look: () => Promise<boolean>): Promise<void> {
  while (!signal.aborted) {
    if (!document.hidden && !(await look())) return;
    await new Promise((resolve) => setTimeout(resolve, INTERVAL_MS));
  }
}
