import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isBelow, packagesBelow } from './floors.mjs';

export interface SupplyChain {
  /** pnpm-lock.yaml */
  readonly lock: string;
  /** pnpm-workspace.yaml */
  readonly workspace: string;
  /** package.json of the root */
  readonly manifest: { readonly packageManager?: string };
  /** scripts/floors.json */
  readonly floors: {
    readonly node: readonly string[];
    readonly packages: Readonly<Record<string, readonly string[]>>;
    readonly installScripts: readonly string[];
  };
  /** Version of the Node.js that runs us. */
  readonly node: string;
}

/** A week, the least that a release must have been out before it is taken. */
const releaseAgeMinutesMin = 7 * 24 * 60;

/** Reads what the check looks at from a work tree. */
export function readSupplyChain(root: string): SupplyChain {
  const text = (file: string) => readFileSync(join(root, file), 'utf8');
  return {
    lock: text('pnpm-lock.yaml'),
    workspace: text('pnpm-workspace.yaml'),
    manifest: JSON.parse(text('package.json')) as SupplyChain['manifest'],
    floors: JSON.parse(text('scripts/floors.json')) as SupplyChain['floors'],
    node: process.versions.node,
  };
}

/** Everything that is wrong with where our dependencies come from, as one sentence each. */
export function supplyChainProblems(input: SupplyChain): string[] {
  return [
    ...exoticSources(input.lock),
    ...packagesBelow(input.lock, input.floors),
    ...(isBelow(input.node, input.floors.node)
      ? [`Node.js ${input.node} is below ${input.floors.node.join(' or ')}`]
      : []),
    ...settingProblems(input.workspace),
    ...installScriptProblems(input.workspace, input.floors.installScripts),
    ...(/^pnpm@10\.\d+\.\d+$/.test(input.manifest.packageManager ?? '')
      ? []
      : ['package.json: packageManager must pin one version of pnpm 10']),
  ];
}

/** A package comes from the registry with a SHA-512, or it does not come at all. */
function exoticSources(lock: string): string[] {
  return lock
    .split('\n')
    .map((line, index) => ({ line, number: index + 1 }))
    .filter(({ line }) => /^ +(resolution|tarball|specifier|version): /.test(line))
    .filter(
      ({ line }) =>
        (/^ +resolution: /.test(line) &&
          !/^ +resolution: \{integrity: sha512-[A-Za-z0-9+/]+=*\}$/.test(line)) ||
        /git\+|git@|github:|gitlab:|bitbucket:|https?:|file:|tarball/.test(line),
    )
    .map(({ line, number }) => `pnpm-lock.yaml:${number}: not from the registry: ${line.trim()}`);
}

function settingProblems(workspace: string): string[] {
  const value = (name: string) => new RegExp(`^${name}: *(\\S+)$`, 'm').exec(workspace)?.[1];
  const problems: string[] = [];
  if (!(Number(value('minimumReleaseAge')) >= releaseAgeMinutesMin)) {
    problems.push(`pnpm-workspace.yaml: minimumReleaseAge must be ${releaseAgeMinutesMin} or more`);
  }
  for (const [name, wanted] of [
    ['blockExoticSubdeps', 'true'],
    ['strictDepBuilds', 'true'],
    ['trustPolicy', 'no-downgrade'],
  ] as const) {
    if (value(name) !== wanted) problems.push(`pnpm-workspace.yaml: ${name} must be ${wanted}`);
  }
  return problems;
}

/** A package that may run code at install time stands in two files, so that it is never a slip. */
function installScriptProblems(workspace: string, allowed: readonly string[]): string[] {
  const list = /^onlyBuiltDependencies:\n((?: +- .*\n)*)/m.exec(workspace)?.[1] ?? '';
  const found = [...list.matchAll(/^ +- "?([^"\n]+)"?$/gm)].map((match) => match[1] ?? '');
  return found
    .filter((name) => !allowed.includes(name))
    .map((name) => `pnpm-workspace.yaml: ${name} may run an install script, floors.json says no`);
}
