import { type Json, showValue } from '../client/reading.ts';
import { fields } from './table.ts';

/** One resource for a person: its fields in the order in which the API gave them. */
export function describeOne(resource: Json): string {
  return fields(Object.entries(resource).map(([name, value]) => [name, showValue(value)]));
}
