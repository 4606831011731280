import type { Condition, RuleKind } from './conditions/condition.ts';
import { type ConditionField, conditionFields } from './conditions/index.ts';
import type { ConditionPool } from './conditions/pool.ts';
import {
  below,
  complain,
  complainUnknown,
  type Fields,
  type Place,
  readEntries,
  readFields,
  readList,
  readName,
  readText,
} from './read.ts';

interface Written {
  readonly policy: string;
  readonly name: string;
  readonly fields: Fields;
  readonly place: Place;
}

/** A field of a rule, and one of the conditions that what stands there comes to. */
export interface PlacedCondition {
  readonly field: ConditionField | 'conditions';
  readonly condition: Condition;
}

const depthMax = 16;
const conditionsMax = 64;

/**
 * The named conditions of all policies of a set. Where one is named, all of its conditions count,
 * and so those of the ones that it names itself. Every policy's are added before the first rule is
 * compiled: a rule may name what another policy has.
 */
export class NamedConditions {
  readonly #pool: ConditionPool;
  readonly #written = new Map<string, Written>();
  /** By rule kind and id; null: not valid, and said so. */
  readonly #made = new Map<string, readonly Condition[] | null>();

  constructor(pool: ConditionPool) {
    this.#pool = pool;
  }

  /** Reads the named conditions of one policy. */
  add(value: unknown, place: Place, policy: string): void {
    for (const [index, entry] of (readList(value, place) ?? []).entries()) {
      const at = below(place, index);
      const fields = readFields(entry, at, ['name'], [...conditionFields, 'conditions']);
      if (fields === null) continue;
      const name = readName(fields.get('name'), below(at, 'name'));
      if (fields.size === 1) complain(at, 'a named condition needs a condition');
      if (name === null) continue;
      const id = `${policy}/${name}`;
      if (this.#written.has(id)) complain(below(at, 'name'), `there are two conditions ${id}`);
      this.#written.set(id, { policy, name, fields, place: at });
    }
  }

  /** Reports what is wrong with any of them, named by a rule or not. */
  check(): void {
    for (const id of this.#written.keys()) this.#resolve(id, 'allow', []);
  }

  /** The conditions that the fields of a rule come to, those of named ones included. */
  compile(fields: Fields, place: Place, policy: string, rule: RuleKind): PlacedCondition[] {
    const found: PlacedCondition[] = [];
    for (const field of conditionFields) {
      if (!fields.has(field)) continue;
      const condition = this.#pool.make(field, fields.get(field), below(place, field), rule);
      if (condition !== null) found.push({ field, condition });
    }
    if (!fields.has('conditions')) return found;
    const at = below(place, 'conditions');
    const named = this.#resolveAll(fields.get('conditions'), at, policy, rule, []);
    return [
      ...found,
      ...(named ?? []).map((condition) => ({ field: 'conditions' as const, condition })),
    ];
  }

  /** `trail`: the named conditions on the way here, the outermost first. */
  #resolveAll(
    value: unknown,
    place: Place,
    policy: string,
    rule: RuleKind,
    trail: readonly string[],
  ): readonly Condition[] | null {
    const lists = readEntries(value, place, (entry, at) => {
      const text = readText(entry, at, 127);
      if (text === null) return null;
      const id = text.includes('/') ? text : `${policy}/${text}`;
      if (!this.#written.has(id)) return complainUnknown(at, 'condition', id);
      const start = trail.indexOf(id);
      if (start >= 0) {
        return complain(at, `goes round in a circle: ${[...trail.slice(start), id].join(' -> ')}`);
      }
      if (trail.length >= depthMax) {
        return complain(at, `is named through more than ${depthMax} others: ${trail.join(' -> ')}`);
      }
      return this.#resolve(id, rule, trail);
    });
    return lists === null ? null : [...new Set(lists.flat())];
  }

  #resolve(id: string, rule: RuleKind, trail: readonly string[]): readonly Condition[] | null {
    const key = `${rule} ${id}`;
    const known = this.#made.get(key);
    if (known !== undefined) return known;
    // What is wrong with it has been said once, for the first kind of rule.
    if (this.#made.get(`allow ${id}`) === null) return null;
    const conditions = this.#conditionsOf(id, rule, trail);
    this.#made.set(key, conditions);
    return conditions;
  }

  #conditionsOf(id: string, rule: RuleKind, trail: readonly string[]): readonly Condition[] | null {
    const written = this.#written.get(id);
    if (written === undefined) throw new Error(`there is no condition named ${id}`);
    const { policy, name, fields, place } = written;
    const own: Condition[] = [];
    let whole = true;
    for (const field of conditionFields) {
      if (!fields.has(field)) continue;
      const made = this.#pool.make(field, fields.get(field), below(place, field), rule);
      if (made === null) whole = false;
      else own.push({ ...made, field: `${name}.${field}` });
    }
    const named = fields.has('conditions')
      ? this.#resolveAll(fields.get('conditions'), below(place, 'conditions'), policy, rule, [
          ...trail,
          id,
        ])
      : [];
    if (named === null || !whole) return null;
    const all = [...new Set([...own, ...named])];
    return all.length <= conditionsMax
      ? all
      : complain(place, `comes to more than ${conditionsMax} conditions`);
  }
}
