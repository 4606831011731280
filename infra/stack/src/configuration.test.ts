import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  demoConfiguration,
  type Places,
  readConfiguration,
  StackConfigurationError,
} from './configuration.ts';

const places: Places = {
  'upstream.url': 'https://upstream.localhost:1',
  'idp.issuer': 'https://idp.localhost:2',
  'ca.pem': '-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n',
};

async function folder(files: Readonly<Record<string, string>>) {
  const dir = await mkdtemp(join(tmpdir(), 'sallyport-configuration-'));
  for (const [name, text] of Object.entries(files)) await writeFile(join(dir, name), text);
  return { dir, [Symbol.asyncDispose]: () => rm(dir, { recursive: true }) };
}

function trustBundle(name: string, certificates: string): string {
  return `apiVersion: sallyport.dev/v1
kind: TrustBundle
metadata:
  name: ${name}
spec:
  use: [upstream]
  certificates: ${certificates}
`;
}

describe('the configuration of a stack', () => {
  it('of the demo is a valid set of documents', async () => {
    const documents = await readConfiguration(demoConfiguration, places);
    expect(new Set(documents.map(({ kind }) => kind))).toEqual(
      new Set(['IdentityProvider', 'Policy', 'Route', 'Settings', 'TrustBundle']),
    );
  });

  it('comes from the files of a folder in the order of their names, with places filled in', async () => {
    await using files = await folder({
      'b.yml': trustBundle('second', '${ca.pem}'),
      'a.json': JSON.stringify({
        apiVersion: 'sallyport.dev/v1',
        kind: 'TrustBundle',
        metadata: { name: 'first' },
        spec: { use: ['upstream'], certificates: 'AA==' },
      }),
      'c.txt': 'not: [this',
    });
    const documents = await readConfiguration(files.dir, places);
    expect(documents.map(({ metadata }) => metadata.name)).toEqual(['first', 'second']);
    expect(documents[1]?.spec).toMatchObject({ certificates: places['ca.pem'] });
  });

  it('is refused with file and line of everything that is wrong', async () => {
    await using files = await folder({
      'a.yaml': trustBundle('first', '${home}'),
      'b.yaml': trustBundle('second', 'AA==').replace('use:', 'uses:'),
    });
    const reading = readConfiguration(files.dir, places);
    await expect(reading).rejects.toThrow(StackConfigurationError);
    await expect(reading).rejects.toThrow(/a\.yaml:7: there is no home/);
    await expect(reading).rejects.toThrow(/b\.yaml:6:/);
  });

  it('is refused when there is none', async () => {
    await using none = await folder({});
    await expect(readConfiguration(none.dir, places)).rejects.toThrow(/holds no/);
  });

  it('says plainly that a folder is not there', async () => {
    const reading = readConfiguration('/nowhere/at/all', places);
    await expect(reading).rejects.toThrow(StackConfigurationError);
    await expect(reading).rejects.toThrow('--config: there is no such folder');
  });
});
