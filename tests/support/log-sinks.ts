import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { createAuthority, issueWithNewKey } from '@sallyport/shared/pki/issue';
import type { AdminApi, StackDescription } from '@sallyport/stack';
import { idsIn, type Listening, listening, type SyslogState, syslogServer } from './log-servers.ts';
import { until } from './until.ts';

const host = 'siem.corp.localhost';

/**
 * Where a stack's control plane sends access records: a file and a syslog server, both of which can
 * be blocked, and an OTLP receiver that takes connections and never reads.
 */
export class LogSinks {
  readonly #bundle: object;
  /** As Settings `exports` have them. */
  readonly #exports: readonly { readonly name: string; readonly [field: string]: unknown }[];
  readonly #file: string;
  readonly #servers: readonly { close(): Promise<void> }[];
  readonly #syslog: SyslogState;

  private constructor(
    ca: string,
    file: string,
    syslog: Listening & { readonly state: SyslogState },
    stuck: Listening,
  ) {
    const what = ['decisions'];
    const trustBundle = 'log-sinks';
    this.#file = file;
    this.#servers = [syslog, stuck];
    this.#syslog = syslog.state;
    this.#bundle = {
      apiVersion: 'sallyport.dev/v1',
      kind: 'TrustBundle',
      metadata: { name: trustBundle },
      spec: { use: ['export'], certificates: ca },
    };
    this.#exports = [
      { name: 'file', what, file: { path: file } },
      { name: 'syslog', what, syslog: { host, port: syslog.port, trustBundle } },
      { name: 'otlp', what, otlp: { url: `https://${host}:${stuck.port}/`, trustBundle } },
    ];
  }

  static async start({ dir }: StackDescription): Promise<LogSinks> {
    const authority = await createAuthority({ name: 'Log sinks', days: 1 });
    const issued = await issueWithNewKey(authority, {
      commonName: host,
      dns: [host],
      usage: 'server',
      days: 1,
    });
    const [syslog, stuck] = await Promise.all([
      syslogServer(issued.certificatePem, issued.privateKeyPem),
      listening(createServer(() => undefined)),
    ]);
    const file = join(dir, 'control-plane', 'exports', 'logs', 'records.jsonl');
    await mkdir(dirname(file), { recursive: true });
    return new LogSinks(authority.certificatePem, file, syslog, stuck);
  }

  /** Has these of them follow the records, and waits until each has its place. */
  async configure(api: AdminApi, names = ['file', 'syslog', 'otlp']): Promise<void> {
    const exports = this.#exports.filter(({ name }) => names.includes(name));
    const { documents } = await api.get<{
      readonly documents: readonly { readonly kind: string; readonly spec: object }[];
    }>('/v1/config');
    const changed = documents.map((one) =>
      one.kind === 'Settings' ? { ...one, spec: { ...one.spec, exports } } : one,
    );
    await api.post('/v1/config:apply', { documents: [...changed, this.#bundle] });
    await until(
      'every export has its place',
      async () => (await exportFailures(api)).length === names.length,
    );
  }

  /** The file cannot be written, and the syslog server takes connections and reads nothing. */
  async block(): Promise<void> {
    const folder = dirname(this.#file);
    await rename(folder, `${folder}-away`);
    await writeFile(folder, 'where a folder should be');
    this.#syslog.blocked = true;
  }

  async unblock(): Promise<void> {
    const folder = dirname(this.#file);
    await rm(folder);
    await rename(`${folder}-away`, folder);
    this.#syslog.blocked = false;
  }

  /** Correlation ids in the file, as often as they stand there. */
  async inFile(): Promise<readonly string[]> {
    return idsIn(await readFile(this.#file, 'utf8'));
  }

  /** Correlation ids that the syslog server has confirmed, as often as it was sent them. */
  get inSyslog(): readonly string[] {
    return this.#syslog.taken;
  }

  async close(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.close()));
  }
}

interface ExportPage {
  readonly items: readonly {
    readonly progress: readonly { readonly failure: string | null }[];
  }[];
}

/** Why each export waits; null: it does not. */
export async function exportFailures(api: AdminApi): Promise<readonly (string | null)[]> {
  const { items } = await api.get<ExportPage>('/v1/exports');
  return items.flatMap(({ progress }) => progress.map(({ failure }) => failure));
}
