import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAuthority, issueWithNewKey } from '../pki/issue.ts';
import { opensslOption } from './openssl.ts';

let dir: string;
let pair: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sallyport-tickets-'));
  const authority = await createAuthority({ name: 'Servers', days: 1 });
  const order = { commonName: 'a.test', dns: ['a.test'], usage: 'server', days: 1 } as const;
  const { certificatePem: cert, privateKeyPem: key } = await issueWithNewKey(authority, order);
  pair = JSON.stringify({ cert, key });
});
afterAll(() => rm(dir, { recursive: true }));

const url = (name: string) => JSON.stringify(new URL(name, import.meta.url).href);

interface Started {
  readonly options?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Of the server, beside its certificate. */
  readonly context?: string;
  /** It takes care of its OpenSSL itself. */
  readonly own?: true;
}

/** Whether a process of its own finds that it sends tickets: `none`, or the name of an error. */
async function found({ options = [], environment = {}, context = '', own }: Started) {
  const program = `
    import { constants } from 'node:crypto';
    import { useOwnOpenssl } from ${url('./openssl.ts')};
    import { refuseTickets } from ${url('./tickets.ts')};
    ${own ? 'useOwnOpenssl();' : ''}
    const secureOptions = constants.SSL_OP_NO_TICKET;
    const looked = refuseTickets({ secureOptions, ...${pair}, ${context} });
    console.log(await looked.then(() => 'none', (error) => error.name), process.title);`;
  const args = [...options, '--title=of tickets', '--input-type=module', '-e', program];
  return new Promise<string>((resolve) => {
    execFile(process.execPath, args, { env: environment }, (_error, stdout, stderr) =>
      resolve(stdout.trim() || stderr),
    );
  });
}

async function settings(name: string, line: string): Promise<string> {
  const path = join(dir, name);
  const sections = 'nodejs_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\n';
  await writeFile(path, `${sections}${line}\n`);
  return path;
}

describe('a process that listens', () => {
  it.each<[string, Started]>([
    ['without settings of OpenSSL', {}],
    ['with settings that are not there', { options: ['--openssl-config=/absent'] }],
    [
      'with empty settings that somebody named',
      { own: true, environment: { OPENSSL_CONF: '/dev/null' } },
    ],
  ])('finds that it would send tickets: %s', async (_name, started) => {
    expect(await found(started)).toBe('TicketsSentError of tickets');
  });

  it('finds it with settings that OpenSSL leaves out without a word', async () => {
    const options = [`--openssl-config=${await settings('wrong.cnf', 'NumTicket = 0')}`];
    expect(await found({ options, own: true })).toBe('TicketsSentError of tickets');
  });

  it.each<[string, Started]>([
    ['with its option', { options: [opensslOption] }],
    ['for itself, with all that it was started with', { own: true }],
    [
      'whatever the environment names beside its option',
      {
        options: [opensslOption],
        environment: { OPENSSL_CONF: '/dev/null' },
      },
    ],
    [
      'with its option in the environment',
      { own: true, environment: { NODE_OPTIONS: opensslOption } },
    ],
    ['for TLS 1.3 alone', { own: true, context: `minVersion: 'TLSv1.3'` }],
  ])('sends none %s', async (_name, started) => {
    expect(await found(started)).toBe('none of tickets');
  });

  it('keeps settings that somebody else named, and sends none by these', async () => {
    const environment = { OPENSSL_CONF: await settings('right.cnf', 'NumTickets = 0') };
    expect(await found({ own: true, environment })).toBe('none of tickets');
  });

  it('says of a server that cannot be looked at what is wrong with it', async () => {
    expect(await found({ own: true, context: `maxVersion: 'TLSv1.2'` })).toMatch(/^Error/);
  });
});
