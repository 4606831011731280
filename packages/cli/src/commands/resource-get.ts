import { type Command, Option } from 'commander';
import { action, argument, type CommandFile } from '../call.ts';
import { type Api, apiPath } from '../client/api.ts';
import { orNotFound } from '../client/failures.ts';
import { missing } from '../client/missing.ts';
import { readPages } from '../client/pages.ts';
import { type Json, readObject, readObjects, show } from '../client/reading.ts';
import { Failure } from '../exit.ts';
import { kindsHelp, type Subject, subjectOf } from '../kinds.ts';
import { describeOne } from '../output/one.ts';
import { describeReceipts } from '../output/receipts.ts';
import { table } from '../output/table.ts';
import { printableYaml } from '../output/yaml.ts';
import { type Resource, resourcePath, resources } from '../resources.ts';
import { type PageOptions, withPaging } from './options.ts';

interface Options extends PageOptions {
  readonly output?: 'yaml' | 'json' | 'table';
  readonly at?: string;
}

/** What was read, in the three forms it can be shown in. */
interface Reading {
  readonly json: unknown;
  readonly yaml: () => string;
  readonly table: () => string;
  /** Where the rows after the last one begin. */
  readonly nextCursor?: string | null;
}

/** `get`: reads configuration documents and all other resources. */
export const registerGet: CommandFile = (program, session) => {
  const command: Command = program
    .command('get')
    .summary('read configuration documents and other resources')
    .description(
      'Reads all of one kind, or the one with this name or id. Documents are those of the live set, and what `-o yaml` prints of them can be applied again.',
    )
    .argument('<kind>', kindsHelp)
    .argument('[name]', 'name of a document, or id of another resource')
    .addOption(
      new Option('-o, --output <format>', 'how to show it').choices(['table', 'yaml', 'json']),
    );
  withPaging(command)
    .option('--at <version>', 'documents of an earlier version instead of the live ones')
    .addHelpText(
      'after',
      `
Examples:
  sallyport get Route
  sallyport get Policy employees -o yaml
  sallyport get config -o yaml > config.yaml
  sallyport get config --at 41 -o yaml
  sallyport get devices dev_01k… -o json`,
    )
    .action(
      action<Options>(session, async (call) => {
        const { options, output } = call;
        if (options.json === true && options.output !== undefined && options.output !== 'json') {
          throw new Failure('usage', `--json and --output ${options.output} exclude each other`);
        }
        const reading = await read(call.api(), subjectOf(argument(call, 0)), call.args[1], options);
        output.result(reading.json, options.output === 'yaml' ? reading.yaml : reading.table);
        if (typeof reading.nextCursor === 'string')
          output.note(`more: --cursor ${reading.nextCursor}`);
        return 'ok';
      }),
    );
};

function read(
  api: Api,
  subject: Subject,
  name: string | undefined,
  options: Options,
): Promise<Reading> {
  if (subject.type !== 'resource') return readDocuments(api, subject, name, options.at);
  if (options.at !== undefined) throw new Failure('usage', '--at is for documents');
  const resource: Resource = resources[subject.name];
  return name === undefined ? readList(api, resource, options) : readOne(api, resource, name);
}

async function readDocuments(
  api: Api,
  subject: Exclude<Subject, { type: 'resource' }>,
  name: string | undefined,
  at: string | undefined,
): Promise<Reading> {
  const absent = at === undefined ? 'there is no configuration' : `there is no version ${at}`;
  const path = at === undefined ? apiPath('config') : apiPath('config', 'versions', at);
  const config = readObject(await orNotFound(api.get(path), absent), 'the documents');
  const all = readObjects(config, 'documents').map(inUsualOrder);
  if (subject.type === 'config') {
    if (name !== undefined) throw new Failure('usage', 'config takes no name');
    return documentsReading({ ...config, documents: all }, all);
  }
  const ofKind = all.filter((document) => document['kind'] === subject.kind);
  if (name === undefined) return documentsReading({ items: ofKind }, ofKind);
  const one = ofKind.find((document) => nameOf(document) === name);
  if (one === undefined) throw missing(subject.kind, name, ofKind.map(nameOf));
  // A document has no short form for a person other than itself.
  return { json: one, yaml: () => printableYaml(one), table: () => printableYaml(one) };
}

function documentsReading(json: unknown, documents: readonly Json[]): Reading {
  return {
    json,
    yaml: () => documents.map(printableYaml).join('---\n'),
    table: () =>
      table(
        [
          { heading: 'KIND', cell: (document) => show(document, 'kind') },
          { heading: 'NAME', cell: nameOf },
          { heading: 'DESCRIPTION', cell: (document) => show(metadataOf(document), 'description') },
        ],
        documents,
      ),
  };
}

/** The database keeps no order of fields; people expect theirs. */
function inUsualOrder(document: Json): Json {
  const { apiVersion, kind, metadata: _, spec, ...more } = document;
  const { name, ...metadata } = metadataOf(document);
  return { apiVersion, kind, metadata: { name, ...metadata }, ...more, spec };
}

function metadataOf(document: Json): Json {
  return readObject(document['metadata'], '"metadata" of a document');
}

function nameOf(document: Json): string {
  return show(metadataOf(document), 'name');
}

async function readList(api: Api, resource: Resource, page: PageOptions): Promise<Reading> {
  const list = await readPages(api, resourcePath(resource), {}, page);
  return {
    json: list,
    yaml: () => printableYaml(list.items),
    table: () => table(resource.columns(list.items), list.items),
    nextCursor: list.nextCursor,
  };
}

async function readOne(api: Api, resource: Resource, id: string): Promise<Reading> {
  if (!resource.readable) throw new Failure('usage', `${resource.singular}s are only listed`);
  const found = await orNotFound(
    api.get(resourcePath(resource, id)),
    `there is no ${resource.singular} ${id}`,
  );
  const one = readObject(found, `the ${resource.singular}`);
  return {
    json: one,
    yaml: () => printableYaml(one),
    table: () => describe(one),
  };
}

/** Receipts are a table of their own. */
function describe(one: Json): string {
  const { receipts, ...fields } = one;
  if (receipts === undefined) return describeOne(one);
  return `${describeOne(fields)}${describeReceipts(one)}\n`;
}
