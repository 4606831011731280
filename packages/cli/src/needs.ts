import { type Api, apiPath } from './client/api.ts';
import { type Json, readObject, readObjects, show } from './client/reading.ts';
import { printable } from './output/printable.ts';
import { flowYaml } from './output/yaml.ts';

/**
 * The answer of an access question names the fields of a rule that only a request can settle. An
 * auditor wants to know what they ask for, so this reads it in the documents of that version.
 */
export async function describeNeeds(
  api: Api,
  version: unknown,
  rows: readonly Json[],
): Promise<string> {
  const needs = needsOf(rows);
  if (needs.size === 0) return '';
  const found = await api.get(apiPath('config', 'versions', String(version)));
  const policies = policiesOf(readObjects(readObject(found, 'the version'), 'documents'));
  const lines = [...needs].flatMap(([rule, fields]) => [
    `  ${rule}`,
    ...conditionsOf(policies, rule)
      .filter(([field]) => fields.includes(field))
      .map(([field, value]) => `    ${field}: ${flowYaml(value)}`),
  ]);
  return `${['What else must hold:', ...lines].map(printable).join('\n')}\n`;
}

/** The rules that hang on something, with the fields they hang on. */
function needsOf(rows: readonly Json[]): ReadonlyMap<string, readonly string[]> {
  const rules = rows.flatMap((row) => [...listOf(row, 'rules'), ...listOf(row, 'unless')]);
  return new Map(
    rules
      .map((rule) => [show(rule, 'rule'), texts(rule['needs'])] as const)
      .filter(([, needs]) => needs.length > 0),
  );
}

type Policies = ReadonlyMap<string, Json>;

function policiesOf(documents: readonly Json[]): Policies {
  return new Map(
    documents
      .filter(({ kind }) => kind === 'Policy')
      .map(({ metadata, spec }) => [
        show(readObject(metadata, '"metadata" of a document'), 'name'),
        readObject(spec, '"spec" of a document'),
      ]),
  );
}

/** All conditions of a rule, those that it names included. */
function conditionsOf(policies: Policies, id: string): readonly (readonly [string, unknown])[] {
  const [policy = '', list = '', name = ''] = id.split('/');
  const found: (readonly [string, unknown])[] = [];
  const seen = new Set<string>();
  const add = (where: string, from: string, wanted: string): void => {
    const entries = listOf(policies.get(where), from);
    const conditions = entries.find((entry) => show(entry, 'name') === wanted);
    if (conditions === undefined || seen.has(`${where}/${from}/${wanted}`)) return;
    seen.add(`${where}/${from}/${wanted}`);
    found.push(...Object.entries(conditions));
    for (const named of texts(conditions['conditions'])) {
      const [first = '', second] = named.split('/');
      add(second === undefined ? where : first, 'conditions', second ?? first);
    }
  };
  add(policy, list, name);
  return found;
}

/** A list that may be left out. */
function listOf(from: Json | undefined, field: string): readonly Json[] {
  return from === undefined || !Array.isArray(from[field]) ? [] : readObjects(from, field);
}

function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
}
