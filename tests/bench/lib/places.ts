import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { EgressTable } from '@sallyport/shared/network/egress';
import { type BenchmarkOptions, type Figure, median, percentile } from './report.ts';

/**
 * What a worker pays for the place of an address, over the default data: of a connection that has
 * asked before, of an address that was asked for lately, and of one that nobody has asked for.
 */

/** Of packages/edge-proxy/src/places, which belongs to the edge alone. */
interface Reader {
  use(places: { city: readonly Shared[]; asn: readonly Shared[] }): Promise<void>;
  placeOf(holder: { place: unknown }, address: string, egress: EgressTable): unknown;
}
interface Shared {
  readonly bytes: SharedArrayBuffer;
}
type Sources = (config: {
  readonly cityFiles: null;
  readonly asnFiles: readonly string[];
}) => readonly { readonly path: string }[];
type Loaded = (Shared & { readonly ok: true }) | { readonly ok: false; readonly code: string };

const edge = join(import.meta.dirname, '../../../packages/edge-proxy/src');
const addresses = 200_000;
/** Connections that come again, of one worker. */
const active = 2_000;
const heldTimes = 2_000_000;

/** The figures; where the default data is not installed, that. */
export async function measurePlaces({ runs }: BenchmarkOptions) {
  const { placeSources } = await load<{ placeSources: Sources }>('places/sources.ts');
  const files = placeSources({ cityFiles: null, asnFiles: [] });
  if (files.length === 0) {
    return { figures: [], notes: ['places: the default data on places is not installed'] };
  }
  const { PlaceReader } = await load<{ PlaceReader: new () => Reader }>('places/reader.ts');
  const { loadFile } = await load<{ loadFile: (path: string, kind: string) => Loaded }>(
    'places/load-file.ts',
  );
  const loading = performance.now();
  const city = files.map(({ path }) => {
    const loaded = loadFile(path, 'city');
    if (!loaded.ok) throw new Error(`${path}: ${loaded.code}`);
    return { bytes: loaded.bytes };
  });
  const loadMs = performance.now() - loading;
  const reader = new PlaceReader();
  await reader.use({ city, asn: [] });
  // The first run is for the compiler.
  const measured = Array.from({ length: runs + 1 }, () => measureOnce(reader)).slice(1);
  const of = (name: keyof Measured) => median(measured.map((one) => one[name]));
  const bytes = city.reduce((sum, file) => sum + file.bytes.byteLength, 0);
  const figures = [
    figure('place, of a connection that has asked before', 'µs', of('heldUs'), 2),
    figure('memory taken by that', 'B', of('heldBytes'), 1),
    figure(`place, cached, one of ${active} active addresses`, 'µs', of('cachedUs'), 2),
    figure('place, not cached, any address, mean', 'µs', of('freshUs'), 10),
    figure('place, not cached, any address, p99, with others at work', 'µs', of('slowUs'), null),
    figure('place data read and checked, both files, in a thread', 'ms', loadMs, null),
    figure('place data, memory shared by all workers', 'MiB', bytes / 2 ** 20, null),
  ];
  return { figures, notes: [] };
}

interface Measured {
  readonly heldUs: number;
  readonly heldBytes: number;
  readonly cachedUs: number;
  readonly freshUs: number;
  readonly slowUs: number;
}

interface Connection {
  readonly address: string;
  readonly holder: { place: unknown };
}

const egress = new EgressTable([
  { name: 'office', kind: 'office', networks: ['203.0.113.0/24', '2001:db8::/32'] },
]);

function measureOnce(reader: Reader): Measured {
  const ask = (address: string) => void reader.placeOf({ place: null }, address, egress);
  const all = randomAddresses(addresses);
  const freshUs = meanUs(all, ask);
  const each = randomAddresses(addresses / 10).map((address) => {
    const start = performance.now();
    ask(address);
    return (performance.now() - start) * 1_000;
  });
  const few = all.slice(-active);
  few.forEach(ask);
  const again = Array.from({ length: addresses }, (_, at) => few[at % active] ?? '');
  const cachedUs = meanUs(again, ask);
  const connections = few.map((address) => ({ address, holder: { place: null } }));
  askHeld(reader, connections, active);
  const before = process.memoryUsage().heapUsed;
  const start = cpuUs();
  askHeld(reader, connections, heldTimes);
  const heldUs = (cpuUs() - start) / heldTimes;
  const heldBytes = Math.max(0, process.memoryUsage().heapUsed - before) / heldTimes;
  return { heldUs, heldBytes, cachedUs, freshUs, slowUs: percentile(each, 0.99) };
}

function askHeld(reader: Reader, connections: readonly Connection[], times: number): void {
  for (let at = 0; at < times; at += 1) {
    const connection = connections[at % active];
    if (connection !== undefined) reader.placeOf(connection.holder, connection.address, egress);
  }
}

function figure(what: string, unit: string, value: number, goal: number | null): Figure {
  return { what, unit, value, goal, better: 'lower' };
}

function meanUs(all: readonly string[], ask: (address: string) => void): number {
  const start = cpuUs();
  for (const address of all) ask(address);
  return (cpuUs() - start) / all.length;
}

/** Of this thread: others on the machine do not count. */
function cpuUs(): number {
  const { user, system } = process.threadCpuUsage();
  return user + system;
}

/** Four of IPv4 for one of IPv6, out of what has been given out. */
function randomAddresses(count: number): string[] {
  const below = (most: number) => Math.floor(Math.random() * most);
  const group = () => below(0x10000).toString(16);
  return Array.from({ length: count }, (_, at) =>
    at % 5 === 0
      ? `${(0x2400 + below(0x600)).toString(16)}:${group()}:${group()}:${group()}::${group()}`
      : `${1 + below(223)}.${below(256)}.${below(256)}.${below(256)}`,
  );
}

async function load<Module>(file: string): Promise<Module> {
  return (await import(pathToFileURL(join(edge, file)).href)) as Module;
}
