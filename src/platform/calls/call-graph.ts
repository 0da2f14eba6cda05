import type { Room } from './operation.ts';

/**
 * The rooms on a cycle of declared calls, as `a → b → a`; undefined when there is none. Rooms that call in circles can
 * neither be understood nor started one after the other.
 */
export function findCallCycle(rooms: readonly Pick<Room, 'name' | 'operations' | 'calls'>[]): string | undefined {
  const owner = new Map<string, string>();
  for (const room of rooms) for (const operation of room.operations) owner.set(operation.name, room.name);
  const next = new Map(
    rooms.map((room) => [
      room.name,
      [...new Set(room.calls.map((call) => owner.get(call)).filter((name) => name !== undefined && name !== room.name))],
    ]),
  );
  const settled = new Set<string>();
  const visit = (name: string, path: readonly string[]): string | undefined => {
    if (path.includes(name)) return [...path.slice(path.indexOf(name)), name].join(' → ');
    if (settled.has(name)) return undefined;
    for (const target of next.get(name) ?? []) {
      const cycle = visit(target as string, [...path, name]);
      if (cycle !== undefined) return cycle;
    }
    settled.add(name);
    return undefined;
  };
  for (const room of rooms) {
    const cycle = visit(room.name, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

/** Declared calls that no room answers, as `room calls operation`. */
export function findUnansweredCalls(rooms: readonly Pick<Room, 'name' | 'operations' | 'calls'>[]): string[] {
  const answered = new Set<string>(rooms.flatMap((room) => room.operations.map((operation) => operation.name)));
  return rooms.flatMap((room) => room.calls.filter((call) => !answered.has(call)).map((call) => `${room.name} calls ${call}`));
}
