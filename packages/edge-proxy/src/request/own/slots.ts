import { randomInt } from 'node:crypto';
import { clearCookie, type ReadCookies, readCookies, setCookie } from '../cookies.ts';

/**
 * Cookies for sign-ins on their way. There are five names and no more, so that no number of sign-ins
 * at once can fill the request headers (abuse row 99). When all are taken, one gives way.
 */
const slots = 5;
/** A sign-in that takes longer has to be started again. */
export const signInSeconds = 600;

/** A Set-Cookie line for a new sign-in, in a name that is free if one is. */
export function setInSlot(sent: ReadCookies | null, prefix: string, sealed: string): string {
  const taken = new Set(readCookies(sent, prefix).map(({ name }) => name));
  const all = Array.from({ length: slots }, (_, index) => `${prefix}slot-${index}00`);
  const free = all.filter((name) => !taken.has(name));
  const choice = free.length > 0 ? free : all;
  const name = choice[randomInt(choice.length)] ?? `${prefix}slot-000`;
  return setCookie(name, sealed, signInSeconds);
}

/** The first cookie of the kind that `read` makes something of, with the line that clears it. */
export async function findInSlots<Found>(
  sent: ReadCookies | null,
  prefix: string,
  read: (sealed: string) => Promise<Found | null>,
): Promise<{ readonly found: Found; readonly clear: string } | null> {
  for (const { name, value } of readCookies(sent, prefix)) {
    const found = await read(value);
    if (found !== null) return { found, clear: clearCookie(name) };
  }
  return null;
}
