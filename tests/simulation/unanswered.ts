/** A client whose server died, or whose answer was lost, hears this: what it asked for may be done or not. */
export class Unanswered extends Error {}
