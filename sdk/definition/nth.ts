/**
 * The element at a position known to exist: steps, vertices and their edges are numbered once, and every list over them has an element for
 * each number.
 */
export const nth = <T>(list: ArrayLike<T>, position: number): T => list[position] as T;
