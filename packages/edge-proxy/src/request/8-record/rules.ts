import type { CurrentState, RecordRules } from '../../state/current.ts';
import type { Received } from '../exchange.ts';

const nothingConfigured: RecordRules = { query: 'drop', redact: [], required: false };

/** Where nobody can say what may be told, nothing is that any configuration could have taken out. */
const nothingKnown: RecordRules = {
  query: 'drop',
  redact: (['sourceAddress', 'userAgent', 'userEmail', 'path', 'place'] as const).map((field) => ({
    field,
    as: 'remove',
  })),
  required: false,
};

/** What is written down of a request: as its route says, else the settings; null: of no request. */
export function recordRulesOf(value: Received | null, state: CurrentState): RecordRules {
  try {
    return rulesOf(value, state);
  } catch {
    // What fails here has failed the request, which is to leave its record all the same.
    return nothingKnown;
  }
}

function rulesOf(value: Received | null, state: CurrentState): RecordRules {
  const bundle = value?.bundle ?? state.bundle();
  if (bundle === null) return nothingConfigured;
  const route = value?.decision?.route ?? null;
  const ofRoute = route === null ? undefined : bundle.routes.get(route)?.records;
  return ofRoute ?? bundle.settings.records;
}
