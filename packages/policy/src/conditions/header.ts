import {
  below,
  complain,
  type Fields,
  type Place,
  readEntries,
  readFields,
  readText,
} from '../read.ts';
import { and, type Truth, truthOf } from '../truth.ts';
import type { View } from '../view.ts';
import type { ConditionContext, ConditionKind, RuleKind } from './condition.ts';

interface Wanted {
  readonly name: string;
  readonly values: ReadonlySet<string>;
}

const namesMax = 64;

/**
 * `headers`: what the client says about itself; it can say anything. Every value counts, from every
 * line, split at commas. An allow rule wants all of them to be listed, so that no value hides behind
 * another; a rule that takes access away, or asks for more, is satisfied with any, so that adding a
 * value is no way round it.
 */
export const headers: ConditionKind = {
  byRuleKind: true,
  compile(value, place, context, rule) {
    const wanted = readEntries(value, place, (entry, at) => readHeader(entry, at, context));
    if (wanted === null) return null;
    return {
      field: 'headers',
      steps: wanted.length * 4,
      holds: (view) => evaluate(wanted, rule, view),
      fact: () => 'headers',
    };
  },
};

function readHeader(value: unknown, place: Place, context: ConditionContext): Wanted | null {
  const fields = readFields(value, place, ['name', 'is'], []);
  if (fields === null) return null;
  const name = readHeaderName(fields, place);
  const values = readEntries(fields.get('is'), below(place, 'is'), readHeaderValue);
  if (name === null || values === null) return null;
  if (context.headerNames.size >= namesMax && !context.headerNames.has(name)) {
    return complain(place, `conditions may look at ${namesMax} different headers at the most`);
  }
  context.headerNames.add(name);
  return { name, values: new Set(values) };
}

/** Ours, and words of which one in a name says that the value is to be kept secret. */
const secret =
  /^sallyport[-_]|authorization|cookie|token|secret|passw|credential|api[-_]?key|jwt|assertion/;

/** Facts are recorded, so what proves who somebody is must not get into them. */
function readHeaderName(fields: Fields, place: Place): string | null {
  const at = below(place, 'name');
  const value = fields.get('name');
  if (typeof value !== 'string' || !/^[!#$%&'*+.^_`|~0-9a-z-]{1,64}$/.test(value)) {
    return complain(at, 'must be the name of a header, in lower case, 64 characters at the most');
  }
  return secret.test(value)
    ? complain(at, 'must not be a header that proves who somebody is')
    : value;
}

function readHeaderValue(value: unknown, place: Place): string | null {
  const text = readText(value, place, 256);
  return text?.includes(',') ? complain(place, 'must be one value, without a comma') : text;
}

function evaluate(wanted: readonly Wanted[], rule: RuleKind, view: View): Truth {
  let value: Truth = 'true';
  for (const one of wanted) value = and(value, evaluateOne(one, rule, view));
  return value;
}

function evaluateOne({ name, values }: Wanted, rule: RuleKind, view: View): Truth {
  const found = view.headerValues(name);
  if (found === null) return 'unknown';
  const isListed = (value: string) => values.has(value);
  return truthOf(
    rule === 'allow' ? found.length > 0 && found.every(isListed) : found.some(isListed),
  );
}
