import { type Command, Option } from 'commander';
import type { Call } from './call.ts';
import type { Json } from './client/reading.ts';
import { collect, versionNumber } from './commands/options.ts';
import { readDocuments } from './documents.ts';
import { Failure } from './exit.ts';

/** What is rehearsed: a version, documents over the live set, or the live version itself. */
export interface CandidateOptions {
  readonly version?: string;
  readonly file?: readonly string[];
  readonly prune?: boolean;
}

/** Adds the options that name a candidate. */
export function withCandidate(command: Command): Command {
  return command
    .addOption(
      new Option('--version <number>', 'by this version (default: the live one)')
        .argParser(versionNumber)
        .conflicts('file'),
    )
    .option(
      '-f, --file <path>',
      'by the live set with these documents, as apply would take them; repeatable',
      collect,
    )
    .option('--prune', 'by nothing but the documents of --file');
}

/** The candidate as the API takes it. */
export async function readCandidate({ options, terminal }: Call<CandidateOptions>): Promise<Json> {
  const { version, file, prune } = options;
  if (file !== undefined) {
    const { documents } = await readDocuments(file, terminal);
    return { documents, ...(prune === true && { prune }) };
  }
  if (prune === true) throw new Failure('usage', '--prune goes with --file');
  return version === undefined ? {} : { version: Number(version) };
}

/** What a 404 for a candidate means: a version is not there. */
export function noSuchVersion(...versions: readonly (string | undefined)[]): string {
  const named = versions.filter((version) => version !== undefined);
  return `there is no version ${named.join(', or no version ')}`;
}
