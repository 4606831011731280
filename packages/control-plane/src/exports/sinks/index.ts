import { readSecretText } from '../../store/secrets.ts';
import { ExportFailure } from '../failure.ts';
import { createPoster } from '../http.ts';
import type { ExportParts, Read } from '../parts.ts';
import type { ExportSettings, Target } from '../targets.ts';
import { createFileSink } from './file.ts';
import { createOtlpSink } from './otlp.ts';
import type { Sink } from './sink.ts';
import { createSyslogSink } from './syslog.ts';

/** What sinks are made of. */
export type SinkParts = ExportParts & { readonly read: Read };

const megabyte = 1_048_576;
const megabytesMaxDefault = 100;
const keepDefault = 10;
const portDefault = 6_514;
const facilityDefault = 16;
const timeoutMs = 15_000;

/** The sink that an entry of Settings `exports` names. */
export function createSink(parts: SinkParts, target: Target<ExportSettings>): Sink {
  const { file, syslog, otlp } = target.entry;
  if (file !== undefined) return fileSink(parts, file);
  if (syslog !== undefined) return syslogSink(parts, target, syslog);
  if (otlp !== undefined) return otlpSink(parts, target, otlp);
  throw new Error(`export ${target.entry.name} has nowhere to go`);
}

function fileSink({ folder }: SinkParts, file: NonNullable<ExportSettings['file']>): Sink {
  const { path, megabytesMax = megabytesMaxDefault, keep = keepDefault } = file;
  return createFileSink({ path, folder, bytesMax: megabytesMax * megabyte, keep });
}

function syslogSink(
  { replica }: SinkParts,
  { authorities, internal }: Target<ExportSettings>,
  syslog: NonNullable<ExportSettings['syslog']>,
): Sink {
  const { host, port = portDefault, facility = facilityDefault } = syslog;
  return createSyslogSink({
    server: { host, port },
    authorities,
    internal,
    facility,
    host: replica,
    timeoutMs,
  });
}

function otlpSink(
  { read, sealKey, replica, log }: SinkParts,
  { entry, authorities, internal }: Target<ExportSettings>,
  { url, authorization }: NonNullable<ExportSettings['otlp']>,
): Sink {
  return createOtlpSink({
    name: entry.name,
    poster: createPoster({ url, authorities, internal, timeoutMs }),
    replica,
    log,
    async authorization() {
      if (authorization === undefined) return null;
      const value = await read((db) => readSecretText(db, sealKey, authorization));
      // Sent without it, the rows would be refused, or taken by somebody who asks for nothing.
      if (value === null) throw new ExportFailure('the secret of its authorization is not set');
      return value.trim();
    },
  });
}
