import { compileWhen } from '../cel/when.ts';
import { complain } from '../read.ts';
import type { ConditionKind } from './condition.ts';

/** `when`: an expression in CEL (cel/environment.ts). An error in it means unknown. */
export const when: ConditionKind = {
  compile(value, place, { regexes }) {
    if (typeof value !== 'string' || value.trim() === '') {
      return complain(place, 'must be an expression in CEL');
    }
    const compiled = compileWhen(value, place, regexes);
    if (compiled === null) return null;
    const { holds, changesAtMs, aboutUser, missing, steps } = compiled;
    return {
      field: 'when',
      holds,
      ...(changesAtMs === undefined ? {} : { changesAtMs }),
      fact: (view) => missing(view) ?? 'when',
      aboutUser,
      steps,
    };
  },
};
