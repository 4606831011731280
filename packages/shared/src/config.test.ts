import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ConfigReader, ConfigurationError, configReader } from './config.ts';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'sallyport-config-'));
  writeFileSync(join(directory, 'token'), 'from-file\n');
  writeFileSync(join(directory, 'empty'), '\n');
});
afterAll(() => rmSync(directory, { recursive: true }));

const problemsOf = (reader: ConfigReader): Record<string, string> => {
  try {
    reader.done();
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return Object.fromEntries(error.problems.map(({ field, message }) => [field, message]));
  }
  return {};
};

describe('the configuration reader', () => {
  it('gives typed values and defaults', () => {
    const c = configReader({
      LISTEN: '[::1]:8443',
      PORT: '0',
      PLANES: 'a.example:1, b.example:2',
      LABELS: 'zone=a,rack=7',
      LEVEL: 'warn',
      ON: 'true',
    });
    const value = {
      listen: c.address('LISTEN'),
      ops: c.address('OPS', { default: '127.0.0.1:0' }),
      port: c.port('PORT'),
      workers: c.integer('WORKERS', { default: 1, min: 1, max: 64 }),
      planes: c.addresses('PLANES'),
      labels: c.labels('LABELS'),
      none: c.labels('NONE'),
      level: c.oneOf('LEVEL', ['info', 'warn'], { default: 'info' }),
      on: c.flag('ON', { default: false }),
      absent: c.text('ABSENT', { default: null }),
    };
    c.done();
    expect(value).toEqual({
      listen: { host: '::1', port: 8443 },
      ops: { host: '127.0.0.1', port: 0 },
      port: 0,
      workers: 1,
      planes: [
        { host: 'a.example', port: 1 },
        { host: 'b.example', port: 2 },
      ],
      labels: { zone: 'a', rack: '7' },
      none: {},
      level: 'warn',
      on: true,
      absent: null,
    });
  });

  it('lists every problem together, one line each, with the name of the variable', () => {
    const c = configReader({
      LISTEN: 'localhost',
      PORT: '70000',
      COUNT: '1e3',
      LIST: 'a,,b',
      LABELS: 'a=1,a=2',
      LEVEL: 'loud',
      ON: 'yes',
      FILE: join(directory, 'missing'),
      DIRECTORY: join(directory, 'token'),
    });
    c.text('NAME');
    c.address('LISTEN');
    c.port('PORT');
    c.integer('COUNT');
    c.list('LIST');
    c.labels('LABELS');
    c.oneOf('LEVEL', ['info', 'warn']);
    c.flag('ON');
    c.file('FILE');
    c.directory('DIRECTORY');
    c.problem('LISTEN', 'contradicts PORT');
    let message = '';
    try {
      c.done();
    } catch (error) {
      message = error instanceof Error ? error.message : '';
    }
    expect(message.split('\n')).toEqual([
      'The configuration has 11 problems:',
      '  NAME: is not set',
      '  LISTEN: must be host:port, not "localhost"',
      '  PORT: must be a whole number from 0 to 65535, not "70000"',
      '  COUNT: must be a whole number from 0 to 9007199254740991, not "1e3"',
      '  LIST: must be a list with commas, without empty items',
      '  LABELS: must be key=value pairs with commas, no key twice',
      '  LEVEL: must be one of info, warn, not "loud"',
      '  ON: must be true or false, not "yes"',
      `  FILE: ${join(directory, 'missing')} cannot be read (ENOENT)`,
      `  DIRECTORY: ${join(directory, 'token')} is not a directory`,
      '  LISTEN: contradicts PORT',
    ]);
  });

  it('takes an empty value as not set', () => {
    const c = configReader({ NAME: ' ' });
    c.text('NAME');
    expect(problemsOf(c)).toEqual({ NAME: 'is not set' });
  });

  it('reads a secret from a variable or from a file, never from both, and never shows it', () => {
    const file = join(directory, 'token');
    expect(configReader({ TOKEN: 'direct' }).secret('TOKEN')).toBe('direct');
    expect(configReader({ TOKEN_FILE: file }).secret('TOKEN')).toBe('from-file');
    expect(configReader({}).secret('TOKEN')).toBeNull();
    const both = configReader({ TOKEN: 'hunter2', TOKEN_FILE: file });
    both.secret('TOKEN');
    expect(problemsOf(both)).toEqual({ TOKEN: 'is set together with TOKEN_FILE; use one' });
    const empty = configReader({ TOKEN_FILE: join(directory, 'empty') });
    empty.secret('TOKEN');
    expect(Object.keys(problemsOf(empty))).toEqual(['TOKEN_FILE']);
  });

  it('names a variable that was probably misspelt', () => {
    const c = configReader({ SALLYPORT_LISEN: 'x:1', OTHER: '1' });
    c.address('SALLYPORT_LISTEN', { default: 'localhost:1' });
    expect(c.unknown('SALLYPORT_')).toEqual([
      {
        field: 'SALLYPORT_LISEN',
        message: 'is not a setting of this process; did you mean SALLYPORT_LISTEN?',
      },
    ]);
  });

  it.each(['x', ':1', 'x:', 'x:99999', '[x]:1', '::1:1', 'a b:1', 'http://x:1', 'x:1\n'])(
    'refuses the address %j',
    (text) => {
      const c = configReader({ A: `x${text}`.slice(1) });
      const parsed = c.address('A');
      const problems = problemsOf(c);
      // White space around a value is not part of it.
      if (text.trim() === 'x:1') expect(parsed).toEqual({ host: 'x', port: 1 });
      else expect(Object.keys(problems)).toEqual(['A']);
    },
  );
});
