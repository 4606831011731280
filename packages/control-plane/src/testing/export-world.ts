import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConfigurationDocument } from '@sallyport/shared/configuration/documents';
import { type Authority, createAuthority } from '@sallyport/shared/pki/issue';
import { Registry } from 'prom-client';
import { afterAll } from 'vitest';
import { startExports } from '../exports/job.ts';
import type { TestAdmin } from './admin.ts';
import { apply, configured, type SettingsSpec, wikiSet } from './configuration.ts';
import { testLog } from './database.ts';

export interface ExportWorld {
  readonly admin: TestAdmin;
  /** Of the trust bundle `siem`. */
  readonly authority: Authority;
  /** What exports may write below. */
  readonly folder: string;
  /** Makes these the live settings. */
  configure(settings: Partial<SettingsSpec>): Promise<void>;
  /** A replica that exports; the first of several leads. */
  start(replica?: string): RunningExports;
}

export interface RunningExports {
  readonly registry: Registry;
  runNow(): Promise<void>;
  stop(): Promise<void>;
  /** The value of a metric with these labels; undefined: there is none. */
  metric(name: string, labels: Readonly<Record<string, string>>): Promise<number | undefined>;
}

const closing: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const secretNames = ['hook-key', 'otel-key'] as const;

/** An admin API over a real database whose settings say where things go. */
export async function exportWorld(
  make: (world: { readonly folder: string }) => Partial<SettingsSpec> = () => ({}),
): Promise<ExportWorld> {
  const authority = await createAuthority({ name: 'siem', days: 1 });
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-exports-'));
  closing.push(() => rm(folder, { recursive: true, force: true }));
  const bundle: ConfigurationDocument = {
    apiVersion: 'sallyport.dev/v1',
    kind: 'TrustBundle',
    metadata: { name: 'siem' },
    spec: { use: ['export'], certificates: authority.certificatePem },
  };
  const documents = (settings: Partial<SettingsSpec>): ConfigurationDocument[] => [
    ...wikiSet(['staff'], { network: { internal: ['127.0.0.0/8'] }, ...settings }),
    bundle,
  ];
  const admin = await configured(documents({}));
  for (const name of secretNames) {
    await admin.send('PUT', `/v1/secrets/${name}`, { body: { value: keyOf(name) } });
  }
  const configure = async (settings: Partial<SettingsSpec>): Promise<void> => {
    const answer = await apply(admin, { documents: documents(settings) });
    if (answer.status !== 201) throw new Error(JSON.stringify(answer.body));
  };
  const first = make({ folder });
  if (Object.keys(first).length > 0) await configure(first);
  const { database, context } = admin;
  return {
    admin,
    authority,
    folder,
    configure,
    start(replica = 'replica-1') {
      const registry = new Registry();
      const { clock, sealKey } = context;
      const running = startExports({
        database,
        sealKey,
        replica,
        folder,
        registry,
        clock,
        log: testLog.with({ replica }),
      });
      let stopped: Promise<void> | null = null;
      const stop = () => (stopped ??= running.stop());
      closing.push(stop);
      return {
        registry,
        runNow: () => running.runNow(),
        stop,
        metric: (name, labels) => metricOf(registry, name, labels),
      };
    },
  };
}

/** The value of a secret of this world. */
export function keyOf(name: (typeof secretNames)[number]): string {
  return `whsec_${Buffer.from(name.padEnd(32, '-')).toString('base64')}`;
}

async function metricOf(
  registry: Registry,
  name: string,
  labels: Readonly<Record<string, string>>,
): Promise<number | undefined> {
  const metric = await registry.getSingleMetric(name)?.get();
  return metric?.values.find((one) =>
    Object.entries(labels).every(([label, value]) => one.labels[label] === value),
  )?.value;
}

/** The rows of a file of JSON lines; none where it is not there yet. */
export async function readRows(path: string): Promise<Readonly<Record<string, unknown>>[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const lines = text.split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
}
