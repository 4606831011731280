import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { ConfigurationDocument, Kind } from './documents.ts';
import { kinds } from './documents.ts';
import { lintCodes } from './lint/finding.ts';
import { lintDocuments } from './lint/lint.ts';
import { nameOf, ofKind, ruleKinds } from './names.ts';
import { parseDocuments } from './parse.ts';
import { conditionFields } from './schema/conditions.ts';
import { checkSet } from './set.ts';
import { testsOf } from './tests/placed.ts';
import { runTests } from './tests/run.ts';

/** docs/policy.md is the specification: what it says is tried. */

const page = readFileSync(join(import.meta.dirname, '../../../../docs/policy.md'), 'utf8');
const examples = page.split(/^##+ /m).flatMap((section) => {
  const heading = section.slice(0, section.indexOf('\n'));
  return [...section.matchAll(/```yaml\n(.*?)```/gs)].map(([, yaml = '']) => ({ heading, yaml }));
});
const [first, ...others] = examples.map(({ heading, yaml }) => ({
  heading,
  documents: read(/^(#.*\n)?apiVersion:/.test(yaml) ? yaml : asPolicy(yaml)),
}));

/** What stands alone is the spec of the policy of the first set. */
function asPolicy(spec: string): string {
  const head = 'apiVersion: sallyport.dev/v1\nkind: Policy\nmetadata: { name: employees }\nspec:\n';
  return head + spec.replace(/^(?=.)/gm, '  ');
}

function read(yaml: string): readonly ConfigurationDocument[] {
  const { documents, problems } = parseDocuments(yaml, 'policy.md');
  if (problems.length > 0) throw new Error(`${JSON.stringify(problems)} in\n${yaml}`);
  return documents;
}

/** The first set, with the documents of an example in the place of those of the same name. */
function inFirstSet(documents: readonly ConfigurationDocument[]): ConfigurationDocument[] {
  const names = new Set(documents.map(nameOf));
  const kept = (first?.documents ?? []).filter((document) => !names.has(nameOf(document)));
  // Whose service identities an example names are the page's own.
  const services = others
    .flatMap((example) => ofKind(example.documents, 'ServiceIdentity'))
    .slice(0, names.has('ServiceIdentity/ci-runner') ? 0 : 1);
  return [...kept, ...services, ...documents];
}

function rulesOf(documents: readonly ConfigurationDocument[]) {
  return ofKind(documents, 'Policy').flatMap(({ spec }) =>
    [...ruleKinds.map((kind) => spec[kind]), spec.conditions].flatMap((list) => list ?? []),
  );
}

describe('docs/policy.md', () => {
  it('begins with a set that can be applied', () => {
    expect(checkSet(first?.documents ?? [])).toEqual([]);
    expect(lintDocuments(first?.documents ?? [])).toEqual([]);
  });

  it.each(others)(
    'has an example that can stand in that set, and passes its tests: $heading',
    ({ documents }) => {
      expect(checkSet(inFirstSet(documents))).toEqual([]);
    },
  );

  const withRules = others.filter(({ documents }) => rulesOf(documents).length > 0);
  it.each(withRules)('tries every rule of an example: $heading', ({ documents }) => {
    const { coverage, cases } = runTests(inFirstSet(documents), { coverage: true });
    const untried = coverage.filter(
      ({ rule, tests }) => rule.startsWith('employees/') && tests.length === 0,
    );
    expect(untried).toEqual([]);
    // One way and the other: a test that can only pass shows nothing.
    const own = cases.filter((one) => one.document === 'Policy/employees');
    expect(new Set(own.map(({ got }) => got.outcome)).size).toBeGreaterThan(1);
  });

  it('has an example of each kind of document, rule and condition', () => {
    const all = [...(first?.documents ?? []), ...others.flatMap(({ documents }) => documents)];
    expect(new Set(all.map(({ kind }) => kind)).size).toBe(
      (Object.keys(kinds) as Kind[]).filter((kind) => kind !== 'TrustBundle').length,
    );
    const used = new Set(rulesOf(all).flatMap((rule) => Object.keys(rule)));
    const known = [...Object.keys(conditionFields), 'anonymous', 'require', 'description'];
    expect(known.filter((field) => !used.has(field))).toEqual([]);
    const outcomes = new Set(testsOf(all).map(({ test }) => test.expect.outcome));
    expect([...outcomes].sort()).toEqual(['deny', 'permit', 'sign_in', 'step_up']);
  });

  it('says what lint finds in its example, and lists every code', () => {
    const section = page.split(/^## /m).find((part) => part.startsWith('Lint\n')) ?? '';
    const [, said = ''] = /\n\n```\n(.*?)```/s.exec(section) ?? [];
    const { documents } = others.find(({ heading }) => heading === 'Lint') ?? { documents: [] };
    const found = lintDocuments(inFirstSet(documents)).filter(
      (one) => one.document === 'Policy/employees',
    );
    expect(
      found.map(
        ({ code, document, path, message }) => `${document} ${path}: ${message} (${code})\n`,
      ),
    ).toEqual(said.match(/.+\n/g));
    const listed = [...section.matchAll(/^\| `([a-z_]+)`/gm)].map(([, code]) => code);
    expect(listed).toEqual(lintCodes);
  });

  it('lists every name that an expression can use, and no other', async () => {
    const section = page.split(/^##+ /m).find((part) => part.startsWith('`when`')) ?? '';
    const names = [
      ...section.matchAll(/^\| (`[a-z][^|]*) \| (?:string|bool|int|double|list|time|dur)/gm),
    ]
      .flatMap(([, cell = '']) => [...cell.matchAll(/`([A-Za-z.]+)/g)])
      .map(([, name = '']) => name);
    const { leaves, methods } = await environment();
    expect([...names].sort()).toEqual([...leaves.keys(), ...methods.keys()].sort());
  });
});

/** By its place, because nothing else outside of the policy core has to know it. */
async function environment(): Promise<Record<'leaves' | 'methods', ReadonlyMap<string, unknown>>> {
  const file = join(import.meta.dirname, '../../../policy/src/cel/environment.ts');
  const { viewEnvironment } = (await import(/* @vite-ignore */ pathToFileURL(file).href)) as {
    viewEnvironment: Record<'leaves' | 'methods', ReadonlyMap<string, unknown>>;
  };
  return viewEnvironment;
}
