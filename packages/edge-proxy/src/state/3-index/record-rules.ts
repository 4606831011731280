import type { RouteDocument, SettingsDocument } from '@sallyport/shared/configuration/documents';
import type { RecordRules } from '../current.ts';

type Written = SettingsDocument['spec']['records'];

/** What a route says of its records, else the settings: each of its fields by itself, and whole. */
export function recordRules(
  settings: Written,
  route: RouteDocument['spec']['records'] = {},
): RecordRules {
  return {
    query: route.query ?? settings?.query ?? 'drop',
    redact: route.redact ?? settings?.redact ?? [],
    required: route.required ?? false,
  };
}
