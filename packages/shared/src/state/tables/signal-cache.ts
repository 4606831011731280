import { RecentMap } from '../../recent-map.ts';
import type { Signal, SignalSubject } from '../model.ts';
import { type HeldShard, someRow } from './lane-reader.ts';
import type { LookupKey } from './lookup-key.ts';
import { rowWords } from './rows/kinds.ts';
import { readSignal } from './rows/signal.ts';

/** Of each kind of subject. */
const subjectsMax = 32_768;

/** All signals of one subject. */
export interface SubjectSignals {
  readonly signals: readonly Signal[];
  /** When the first of them expires. */
  readonly firstEndMs: number;
}

interface Kept extends SubjectSignals {
  /** The shard's, when they were seen to be these. */
  counter: number;
  /** Their rows, one after the other. */
  readonly words: Uint32Array;
}

/**
 * The signals that were read lately. A shard changes with each sighting of any of its users: rows
 * are read again only where they are others, so that a subject's list stays the same object.
 */
export class SignalCache {
  readonly #subjects: Readonly<Record<SignalSubject, RecentMap<string, Kept>>> = {
    user: new RecentMap(subjectsMax),
    device: new RecentMap(subjectsMax),
    session: new RecentMap(subjectsMax),
  };

  /** Those of the key's subject in its shard, which has this counter. */
  read(
    held: HeldShard,
    key: LookupKey,
    counter: number,
    subject: SignalSubject,
    id: string,
  ): SubjectSignals {
    const kept = this.#subjects[subject].get(id);
    if (kept === undefined) return this.#keep(held, key, counter, subject, id);
    if (kept.counter === counter) return kept;
    if (!isSame(kept.words, held, key)) return this.#keep(held, key, counter, subject, id);
    // If this was half a change, the counter has moved already and will not come back.
    kept.counter = counter;
    return kept;
  }

  #keep(
    held: HeldShard,
    key: LookupKey,
    counter: number,
    subject: SignalSubject,
    id: string,
  ): SubjectSignals {
    const signals: Signal[] = [];
    const words: number[] = [];
    let firstEndMs = Number.POSITIVE_INFINITY;
    someRow(held, key, (at) => {
      const signal = readSignal(held, at);
      signals.push(signal);
      firstEndMs = Math.min(firstEndMs, signal.expiresAtMs);
      words.push(...held.words.subarray(at, at + rowWords(held.words, at)));
      return false;
    });
    const kept = { signals, firstEndMs, counter, words: Uint32Array.from(words) };
    this.#subjects[subject].set(id, kept);
    return kept;
  }
}

/** Whether these are the words of the key's rows. */
function isSame(words: Uint32Array, held: HeldShard, key: LookupKey): boolean {
  let compared = 0;
  const differs = someRow(held, key, (at) => {
    const end = at + rowWords(held.words, at);
    for (let i = at; i < end; i += 1, compared += 1) {
      if (words[compared] !== held.words[i]) return true;
    }
    return false;
  });
  return !differs && compared === words.length;
}
