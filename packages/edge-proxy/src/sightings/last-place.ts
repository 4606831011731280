import { type LastPlace, lastPlaceName, readLastPlace } from '@sallyport/shared/signals/last-place';
import type { Signal } from '@sallyport/shared/state/model';

/** The signals of a user, apart from the one that says where they were last. */
export interface UserSignals {
  /** null: there is none, or it cannot be read. */
  readonly last: LastPlace | null;
  readonly noticed: readonly Signal[];
}

const noSignals: readonly Signal[] = Object.freeze([]);
const nothing: UserSignals = Object.freeze({ last: null, noticed: noSignals });
// The state gives the same list until it changes: each is read once.
const read = new WeakMap<readonly Signal[], UserSignals>();

export function userSignals(signals: readonly Signal[]): UserSignals {
  if (signals.length === 0) return nothing;
  const known = read.get(signals);
  if (known !== undefined) return known;
  const place = signals.find(({ name }) => name === lastPlaceName);
  const others = place === undefined ? signals : signals.filter((signal) => signal !== place);
  const made = {
    last: place === undefined ? null : readLastPlace(place),
    noticed: others.length === 0 ? noSignals : others,
  };
  read.set(signals, made);
  return made;
}
