import type { SettingsDocument } from './documents.ts';
import type { Complain } from './references.ts';

type Redactions = NonNullable<NonNullable<SettingsDocument['spec']['records']>['redact']>;

/** What the schema cannot see of what is to be left out of records. */
export function checkRedactions(redact: Redactions = [], complain: Complain): void {
  const seen = new Set<string>();
  for (const [index, { field, as }] of redact.entries()) {
    const path = `/spec/records/redact/${index}`;
    if (seen.has(field)) complain(`${path}/field`, `${field} stands in the list twice`);
    if (field === 'place' && as === 'hash') complain(`${path}/as`, 'a place has no hash');
    seen.add(field);
  }
}
