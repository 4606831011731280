import { complainUnknown, readEntries, readName } from '../read.ts';
import { truthOf } from '../truth.ts';
import type { ConditionKind } from './condition.ts';

/**
 * `services`: the request comes from a device that stands for one of these service identities.
 * Never pending: signing in makes nobody a service.
 */
export const services: ConditionKind = {
  compile(value, place, { services: known }) {
    const names = readEntries(value, place, (entry, at) => {
      const name = readName(entry, at);
      if (name === null || known.has(name)) return name;
      return complainUnknown(at, 'service', name);
    });
    if (names === null) return null;
    const wanted = new Set(names);
    return {
      field: 'services',
      holds: ({ service }) => truthOf(service !== null && wanted.has(service)),
      sure: true,
      keys: { by: 'service', values: names },
    };
  },
};
