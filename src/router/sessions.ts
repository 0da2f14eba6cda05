/** Where a session of a stateful model lives. */
export interface SessionPlace {
  readonly variant: string;
  readonly instance: string;
}

/** What a client asks for to begin one. */
export const NEW_SESSION = 'NEW_SESSION';
export const SESSION_HEADER = 'x-amzn-sagemaker-session-id';
const CLOSED_HEADER = 'x-amzn-sagemaker-closed-session-id';
const NEW_HEADER = 'x-amzn-sagemaker-new-session-id';

/** Sessions of one endpoint; the one that was silent longest is forgotten first. Its requests then go where any request goes. */
const SESSIONS_MAX = 10_000;

/**
 * Which instance holds which session of an endpoint: the containers make and close them, and requests of one go to the same instance.
 * Forgotten with the router's process; a container that does not know a session says so itself.
 */
export class Sessions {
  readonly #places = new Map<string, SessionPlace>();

  find(id: string | string[] | undefined): SessionPlace | undefined {
    if (typeof id !== 'string' || id === NEW_SESSION) return undefined;
    const place = this.#places.get(id);
    if (!place) return undefined;
    this.#places.delete(id);
    this.#places.set(id, place);
    return place;
  }

  /**
   * Notes what a container's answer says of sessions; the headers as the client gets them. `id; Expires=…` is how containers name one that
   * they have made.
   */
  note(
    asked: string | string[] | undefined,
    answered: Readonly<Record<string, string>>,
    place: SessionPlace,
  ): Record<string, string> {
    const closed = answered[CLOSED_HEADER];
    if (closed !== undefined) this.#places.delete(idOf(closed));
    const made = answered[SESSION_HEADER];
    if (made === undefined || asked !== NEW_SESSION) return {};
    this.#places.set(idOf(made), place);
    if (this.#places.size > SESSIONS_MAX) this.#places.delete(this.#places.keys().next().value ?? '');
    return { [NEW_HEADER]: made };
  }
}

const idOf = (text: string): string => text.split(';', 1)[0]?.trim() ?? '';
