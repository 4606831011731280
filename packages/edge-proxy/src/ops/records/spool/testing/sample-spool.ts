import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog } from '@sallyport/shared/log';
import { newKeyFileText, parseKeyFile, type SealKey } from '@sallyport/shared/seal';
import type { RecordLines } from '../../../../worker/messages.ts';
import type { SpooledBlock } from '../readers.ts';
import { RecordSpool } from '../spool.ts';

/** A home with a key, in which spools are opened one after the other as by processes. */
export class SpoolHome {
  readonly dir: string;
  readonly keyText: string;
  readonly logged: Record<string, unknown>[] = [];
  readonly #key: SealKey;

  private constructor(dir: string, keyText: string) {
    this.dir = dir;
    this.keyText = keyText;
    this.#key = parseKeyFile(keyText);
  }

  static async make(): Promise<SpoolHome> {
    const dir = await mkdtemp(join(tmpdir(), 'sallyport-spool-'));
    return new SpoolHome(dir, newKeyFileText());
  }

  open(bytesMax: number = 2 ** 28): Promise<RecordSpool> {
    const log = createLog('info', {}, (line) =>
      this.logged.push(JSON.parse(line) as Record<string, unknown>),
    );
    return RecordSpool.open({ home: this.dir, edgeId: 'edg_test', key: this.#key, bytesMax, log });
  }

  events(): unknown[] {
    return this.logged.map(({ event }) => event);
  }

  remove(): Promise<void> {
    return rm(this.dir, { recursive: true });
  }
}

/** One item with a line for each text. */
export function linesOf(texts: readonly string[], denial = false): RecordLines {
  const lines = new TextEncoder().encode(texts.map((text) => `"${text}"\n`).join(''));
  return { lines, bytes: lines.length, records: texts.length, denial };
}

export function textsOf({ lines }: Pick<SpooledBlock, 'lines'>): string[] {
  const text = new TextDecoder('utf-8', { fatal: true }).decode(lines);
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as string);
}

/** Everything that there is to send, in order. */
export async function readAll(spool: RecordSpool): Promise<SpooledBlock[]> {
  const blocks: SpooledBlock[] = [];
  for (;;) {
    const block = await spool.next();
    if (block === null) return blocks;
    blocks.push(block);
  }
}
