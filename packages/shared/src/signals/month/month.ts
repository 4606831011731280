import { Dice } from '../../sync/simulation/random.ts';
import type { SignalEvent } from '../events.ts';
import { type Attack, attack } from './attacks.ts';
import { live } from './days.ts';
import { Diary } from './diary.ts';
import { type PersonKind, personOf } from './person.ts';

/** A user's month, and what is true of it. */
export interface UserMonth {
  readonly kind: PersonKind;
  /** null: nobody attacked the user. */
  readonly attack: Attack | null;
  /** In the order of their coming. */
  readonly events: readonly SignalEvent[];
}

/**
 * The month of one user: the same for the same seed and number. With `attacked` false it is the
 * same month but for what the attacker did.
 */
export function monthOf(seed: number, index: number, attacked = true): UserMonth {
  const dice = new Dice(Math.imul(index + 1, 0x9e3779b1) ^ seed);
  const person = personOf(dice, index);
  const diary = new Diary(person.userId, new Dice(dice.int(0, 0x7fffffff)));
  live(diary, dice, person);
  const suffered = attacked ? attack(diary, dice, person) : null;
  return { kind: person.kind, attack: suffered, events: diary.arrived() };
}
