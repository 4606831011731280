import type { Condition } from './condition.ts';

/** Somebody is signed in: a part of every allow rule that does not say `anonymous: true`. */
export const signedIn: Condition = {
  field: 'session',
  holds: (view) => (view.session === null ? 'pending' : 'true'),
  aboutUser: true,
  sure: true,
};
