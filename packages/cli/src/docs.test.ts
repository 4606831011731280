import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { reasons } from '@sallyport/policy';
import { errorCodes } from '@sallyport/shared/errors';
import { describe, expect, it } from 'vitest';
import { exits } from './exit.ts';
import { commandNames } from './program.ts';

const root = join(import.meta.dirname, '../../..');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');

/** The rows of every table below a heading, cells as they are written. */
function rowsBelow(text: string, heading: string): readonly (readonly string[])[] {
  const section = text.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? '';
  return section
    .split('\n')
    .filter((line) => line.startsWith('|') && !/^\|[-| ]+\|$/.test(line))
    .map((line) => line.slice(1, -1).split('|'))
    .map((cells) => cells.map((cell) => cell.trim()))
    .slice(1);
}

describe('docs/errors.md', () => {
  const errors = read('docs/errors.md');
  const code = (text: string): string => `\`${text}\``;

  it('has every code of the admin API, with its status and title', () => {
    expect(rowsBelow(errors, 'Admin API')).toEqual(
      Object.entries(errorCodes).map(([name, { status, title }]) => [
        code(name),
        String(status),
        title,
      ]),
    );
  });

  it('has every reason of a decision, with its words', () => {
    expect(
      rowsBelow(errors, 'Reasons of decisions').map((row) => [row[0], row[2], row[3]]),
    ).toEqual(
      Object.entries(reasons).map(([name, { sentence, next }]) => [code(name), sentence, next]),
    );
  });

  it.each([
    ['Requests that an edge refuses', 'refusals'],
    ['Failures of an edge or an upstream', 'failures'],
    ['Pages of the own paths', 'notices'],
  ])('has what an edge says besides: %s', async (heading, table) => {
    expect(rowsBelow(errors, heading)).toEqual(
      Object.entries((await edgeWords())[table] ?? {}).map(([name, { status, sentence, next }]) => [
        code(name),
        String(status),
        sentence,
        next,
      ]),
    );
  });

  it('has every reason why an edge turns a connection away', async () => {
    expect(rowsBelow(errors, 'Connections that an edge turns away')).toEqual(
      Object.entries((await edgeWords())['turnedAway'] ?? {}).map(([name, words]) => [
        code(name),
        words,
      ]),
    );
  });

  it('has every exit code of the command line, as README.md does', () => {
    const rows = Object.values(exits).map((exit) => [String(exit.code), exit.meaning]);
    expect(rowsBelow(errors, 'Exit codes of sallyport')).toEqual(rows);
    const readme = rowsBelow(read('README.md'), 'Command line');
    expect(readme.filter(([first = '']) => /^[0-9]+$/.test(first))).toEqual(rows);
  });
});

type Words = Readonly<
  Record<string, Readonly<Record<string, { status: number; sentence: string; next: string }>>>
>;

/** By its place, because the command line does not depend on the edge; its documentation does. */
async function edgeWords(): Promise<Words> {
  const file = join(root, 'packages/edge-proxy/src/request/words.ts');
  return (await import(/* @vite-ignore */ pathToFileURL(file).href)) as Words;
}

describe('docs/operations.md', () => {
  it('says of every alarm of an edge what it means and what to do', () => {
    const named = rowsBelow(read('docs/operations.md'), 'Watching')
      .filter((row) => row.length === 3)
      .map(([name = '']) => name.replaceAll('`', ''));
    // The names are a type, so they are read where they stand.
    const source = read('packages/shared/src/sync/edge-lane-model.ts');
    const [, union = ''] = /export type AlarmName =(.*?);/s.exec(source) ?? [];
    const names = [...union.matchAll(/'([a-z_]+)'/g)].map(([, name = '']) => name);
    expect(names.length).toBeGreaterThan(10);
    expect(named).toEqual(expect.arrayContaining(names));
  });
});

describe('the documents', () => {
  const files = [
    ...readdirSync(root).filter((name) => name.endsWith('.md')),
    ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.md'))
      .map((name) => join('docs', name)),
  ];

  it('link to files that are there', () => {
    for (const file of files) {
      for (const [, target = ''] of read(file).matchAll(/\]\((?!https?:)([^)#\s]+)[^)]*\)/g)) {
        expect([file, target, existsSync(join(root, dirname(file), target))]).toEqual([
          file,
          target,
          true,
        ]);
      }
    }
  });

  it('name commands of sallyport that are there', () => {
    const known = new Set(commandNames());
    const nouns = new Set([...known].map((name) => name.split(' ')[0]));
    for (const file of files) {
      for (const [, line = ''] of read(file).matchAll(
        /^ *(?:\$ )?(?:pnpm )?sallyport ([^\n]*)$/gm,
      )) {
        const [noun = '', verb = ''] = line.split(' ');
        if (noun.startsWith('-')) continue;
        expect([file, line, nouns.has(noun)]).toEqual([file, line, true]);
        const verbs = [...known].filter((name) => name.startsWith(`${noun} `));
        if (verbs.length > 0 && /^[a-z-]+$/.test(verb) && !verb.startsWith('-')) {
          expect(verbs).toContain(`${noun} ${verb}`);
        }
      }
    }
  });

  it('list every variable that a process reads', () => {
    const readme = read('README.md');
    for (const file of ['control-plane', 'edge-proxy'].map(
      (name) => `packages/${name}/src/config.ts`,
    )) {
      const source = read(file);
      const names = [
        ...source.matchAll(/'(SALLYPORT_[A-Z_]*[A-Z]|DATABASE_URL)'/g),
        ...source.matchAll(/\$\{prefix\}([A-Z_]+)/g),
      ].map(([, name = '']) => (/^(SALLYPORT|DATABASE)_/.test(name) ? name : `SALLYPORT_${name}`));
      expect(names.length).toBeGreaterThan(5);
      for (const name of names) expect(readme).toContain(`\`${name}\``);
    }
  });
});
