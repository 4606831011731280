import fc from 'fast-check';
import { fades, serves, takes, unnoticed } from './ageing.ts';
import { agrees, blind, explains, lasts, ordered } from './deciding.ts';
import { factsAtOnce } from './facts.ts';
import { calm, closed, sturdy } from './odd-input.ts';
import type { Property } from './property.ts';
import { clean, idempotent, spelled, throughCanonical } from './spelling.ts';

export interface Law {
  readonly title: string;
  /** How many examples the short run takes. */
  readonly runs: number;
  /** How many times as many the long run takes. */
  readonly times: number;
  /** Throws where it finds a counterexample. */
  readonly check: (runs: number) => void;
}

/** For 25,000 decisions. */
const thorough = Math.ceil(25_000 / factsAtOnce);

/** What holds for every policy set and all facts. */
export const laws: readonly Law[] = [
  law('row 131: decide says what the slow reading of the design says', 80, agrees, thorough),
  law(
    'row 131: the order of rules, policies, routes and lists never matters',
    80,
    ordered,
    thorough,
  ),
  law('explain comes to the same decision as decide', 80, explains, thorough),
  law('a permit holds until its end', 300, lasts),
  law('the canonical form of a canonical path is itself', 12_000, idempotent),
  law('a canonical path has nothing left that two parsers could read differently', 12_000, clean),
  law('row 65: a decision on a path is the decision on its canonical form', 300, throughCanonical),
  law('row 65: other spellings of a path come to the same decision', 300, spelled),
  law('row 112: compile throws nothing but PolicyCompileError, whatever it is given', 300, sturdy),
  law('row 112: no session and no anonymous: true, no permit', 300, closed),
  law('odd facts neither throw nor open anything', 300, calm),
  law('what is not known lets nobody in who would not be let in if it were', 20, blind, 40),
  law('the age of the state only takes, and never gives', 300, takes),
  law('the longer nothing is heard the less is given', 300, fades),
  law('where serve is written no age changes a verdict', 300, serves),
  law('ages below every threshold change no verdict', 300, unnoticed),
];

function law(title: string, times: number, property: () => Property, runs = 100): Law {
  const check = (numRuns: number): void => {
    const { failed, counterexample, errorInstance } = fc.check(property(), { numRuns });
    if (!failed) return;
    const example = fc.stringify(counterexample);
    throw new Error(`not so for ${example}`, { cause: errorInstance });
  };
  return { title, runs, times, check };
}
