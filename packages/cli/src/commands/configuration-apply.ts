import type { ConfigurationDocument } from '@sallyport/shared/configuration/documents';
import { parseDocuments } from '@sallyport/shared/configuration/parse';
import { action, type CommandFile } from '../call.ts';
import { type Api, apiPath } from '../client/api.ts';
import { type Json, readObject, readObjects, show } from '../client/reading.ts';
import { Failure } from '../exit.ts';
import { table } from '../output/table.ts';
import { placeProblems } from '../placing.ts';
import { readSources, type Source } from '../sources.ts';
import { collect } from './options.ts';

interface Options {
  readonly file: readonly string[];
  readonly message?: string;
  readonly prune?: boolean;
  readonly dryRun?: boolean;
}

/** `apply`: makes a new configuration version from documents. */
export const registerApply: CommandFile = (program, session) => {
  program
    .command('apply')
    .summary('apply configuration documents as one new version')
    .description(
      'Reads documents (YAML or JSON), checks them here, and applies them whole or not at all. Documents that are not named stay as they are, unless --prune is given.',
    )
    .requiredOption(
      '-f, --file <path>',
      'file, folder or - for standard input, repeatable',
      collect,
    )
    .option('-m, --message <text>', 'why, kept with the version')
    .option('--prune', 'drop every document that is not among these')
    .option('--dry-run', 'check and show what would change, and change nothing')
    .addHelpText(
      'after',
      `
Examples:
  sallyport apply -f routes.yaml -m 'wiki for contractors'
  sallyport apply -f config/ --prune --dry-run
  sallyport get config -o yaml | sed s/old/new/ | sallyport apply -f -`,
    )
    .action(
      action<Options>(session, async ({ options, output, terminal, api }) => {
        const sources = await readSources(options.file, terminal);
        const documents = readDocuments(sources);
        const answer = await apply(api(), sources, {
          documents,
          ...(options.message === undefined ? {} : { message: options.message }),
          ...(options.prune === true ? { prune: true } : {}),
          ...(options.dryRun === true ? { dryRun: true } : {}),
        });
        output.result(answer, () => describeChange(answer, options.dryRun === true));
        return 'ok';
      }),
    );
};

function readDocuments(sources: readonly Source[]): readonly ConfigurationDocument[] {
  const parsed = sources.map(({ name, text }) => parseDocuments(text, name));
  const problems = parsed.flatMap((one) => one.problems);
  if (problems.length > 0) {
    throw new Failure('invalid', 'the documents are not valid; nothing was sent', { problems });
  }
  const documents = parsed.flatMap((one) => one.documents);
  if (documents.length === 0) throw new Failure('invalid', 'there are no documents in the input');
  return documents;
}

async function apply(api: Api, sources: readonly Source[], body: Json): Promise<Json> {
  try {
    const answer = await api.send('POST', apiPath('config:apply'), body);
    return readObject(answer.body, 'the new version');
  } catch (error) {
    if (!(error instanceof Failure) || error.problems.length === 0) throw error;
    throw error.withProblems(placeProblems(error.problems, sources));
  }
}

/** What an answer of config:apply says, for a person. */
export function describeChange(answer: Json, dryRun: boolean): string {
  const changed = readObjects(answer, 'changed');
  if (changed.length === 0) return dryRun ? 'nothing would change' : 'nothing changed';
  const rows = table(
    [
      { heading: 'CHANGE', cell: (row) => show(row, 'change') },
      { heading: 'KIND', cell: (row) => show(row, 'kind') },
      { heading: 'NAME', cell: (row) => show(row, 'name') },
    ],
    changed,
  );
  return dryRun
    ? `${rows}nothing was applied (dry run)`
    : `${rows}version ${show(answer, 'version')}`;
}
