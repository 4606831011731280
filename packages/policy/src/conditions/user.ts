import { complain, type Place, readEntries, readText } from '../read.ts';
import { truthOf } from '../truth.ts';
import type { ConditionKind } from './condition.ts';

const email = /^[^@\s]+@[^@\s]+$/;

/** `users`: the signed-in user is one of these, by id, or by e-mail address without case. */
export const users: ConditionKind = {
  compile(value, place) {
    const entries = readEntries(value, place, readUser);
    if (entries === null) return null;
    const wanted = new Set(entries);
    return {
      field: 'users',
      holds: ({ user }) =>
        user === null
          ? 'pending'
          : truthOf(wanted.has(user.id) || wanted.has(foldEmail(user.email))),
      reason: () => 'group_missing',
      aboutUser: true,
      sure: true,
      keys: { by: 'user', values: entries },
    };
  },
};

function readUser(value: unknown, place: Place): string | null {
  const text = readText(value, place, 254);
  if (text === null || !text.includes('@')) return text;
  if (!email.test(text)) return complain(place, 'must be a user id or an e-mail address');
  return foldEmail(text);
}

/** Lower case for ASCII alone: the Kelvin sign must not become a `k`. */
export function foldEmail(text: string): string {
  return /[A-Z]/.test(text) ? text.replace(/[A-Z]/g, (letter) => letter.toLowerCase()) : text;
}
