import type { CurrentState, RecordRules } from '../../state/current.ts';
import type { Received } from '../exchange.ts';

const nothingConfigured: RecordRules = { query: 'drop', redact: [], required: false };

/** What is written down of a request: as its route says, else the settings; null: of no request. */
export function recordRulesOf(value: Received | null, state: CurrentState): RecordRules {
  const bundle = value?.bundle ?? state.bundle();
  if (bundle === null) return nothingConfigured;
  const route = value?.decision?.route ?? null;
  const ofRoute = route === null ? undefined : bundle.routes.get(route)?.records;
  return ofRoute ?? bundle.settings.records;
}
