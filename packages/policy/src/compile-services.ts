import {
  below,
  complain,
  type Place,
  readEntries,
  readFields,
  readList,
  readName,
  readText,
} from './read.ts';

/** Which service identity a device stands for. */
export interface Services {
  readonly names: ReadonlySet<string>;
  readonly byDevice: ReadonlyMap<string, string>;
}

/** Compiles the service identities. A device that stood for two would pass as either. */
export function compileServices(value: unknown, place: Place): Services {
  const names = new Set<string>();
  const byDevice = new Map<string, string>();
  for (const [index, entry] of (readList(value, place) ?? []).entries()) {
    const at = below(place, index);
    const fields = readFields(entry, at, ['name', 'devices'], []);
    if (fields === null) continue;
    const name = readName(fields.get('name'), below(at, 'name'));
    const devices = readEntries(fields.get('devices'), below(at, 'devices'), readDevice);
    if (name === null) continue;
    if (names.has(name)) complain(below(at, 'name'), `there are two services named ${name}`);
    names.add(name);
    for (const device of devices ?? []) {
      const other = byDevice.get(device);
      if (other !== undefined && other !== name) {
        complain(below(at, 'devices'), `device ${device} stands for ${other} already`);
      }
      byDevice.set(device, name);
    }
  }
  return { names, byDevice };
}

function readDevice(value: unknown, place: Place): string | null {
  return readText(value, place, 128);
}
