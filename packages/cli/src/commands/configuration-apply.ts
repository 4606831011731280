import { Option } from 'commander';
import { action, type CommandFile } from '../call.ts';
import { describeApplied, waitsForApproval } from '../changes.ts';
import { type Api, apiPath } from '../client/api.ts';
import { type Json, readObject, readObjects, show } from '../client/reading.ts';
import { readDocuments } from '../documents.ts';
import { Failure } from '../exit.ts';
import { placeProblems } from '../placing.ts';
import { describeRollout, startRollout } from '../rollouts.ts';
import type { Source } from '../sources.ts';
import { collect } from './options.ts';

interface Options {
  readonly file: readonly string[];
  readonly message?: string;
  readonly prune?: boolean;
  readonly dryRun?: boolean;
  readonly candidate?: boolean;
  readonly staged?: boolean;
  readonly confirm?: boolean;
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
    .option('--dry-run', 'check, show what would change and who would lose access; change nothing')
    .addOption(
      new Option('--candidate', 'make the version, and let nobody decide by it yet').conflicts([
        'staged',
        'dryRun',
      ]),
    )
    .addOption(
      new Option(
        '--staged',
        'let it go out ring by ring, with the gates of the settings',
      ).conflicts('dryRun'),
    )
    .option('--confirm', 'even if more users lose access than the settings allow')
    .addHelpText(
      'after',
      `
Examples:
  sallyport apply -f routes.yaml -m 'wiki for contractors'
  sallyport apply -f config/ --prune --dry-run
  sallyport apply -f config/ --staged -m 'contractors lose the wiki'
  sallyport get config -o yaml | sed s/old/new/ | sallyport apply -f -

The exit code is 8 where the version waits for another person to approve it.`,
    )
    .action(
      action<Options>(session, async ({ options, output, terminal, api }) => {
        const { sources, documents } = await readDocuments(options.file, terminal);
        const { message, prune, dryRun, candidate, staged, confirm } = options;
        const answer = await apply(api(), sources, {
          documents,
          ...(message !== undefined && { message }),
          ...(prune === true && { prune }),
          ...(dryRun === true && { dryRun }),
          ...((candidate === true || staged === true) && { mode: 'candidate' }),
          ...(confirm === true && { confirm }),
        });
        const waits = waitsForApproval(answer);
        if (staged !== true || waits || readObjects(answer, 'changed').length === 0) {
          output.result(answer, () => describeApplied(answer));
          return waits ? 'needs_approval' : 'ok';
        }
        const started = await release(api(), answer, confirm === true);
        output.result({ ...answer, ...started }, () => describeStaged(answer, started));
        return started.rollout === null ? 'needs_approval' : 'ok';
      }),
    );
};

/** The rollout of the candidate that was just made, or why it waits for another person. */
type Release = { readonly rollout: Json } | { readonly rollout: null; readonly waiting: string };

async function release(api: Api, answer: Json, confirm: boolean): Promise<Release> {
  const version = show(answer, 'version');
  try {
    return { rollout: await startRollout(api, answer['version'], confirm) };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    if (error.exit === 'needs_approval') return { rollout: null, waiting: error.message };
    // The version is there all the same, and must not be made a second time.
    throw error.withMessage(
      `${error.message}; version ${version} is kept as a candidate: sallyport rollout start ${version}`,
    );
  }
}

function describeStaged(answer: Json, started: Release): string {
  if (started.rollout !== null) {
    return `${describeApplied(answer, 'goes out ring by ring')}\n${describeRollout(started.rollout)}`;
  }
  const version = show(answer, 'version');
  return describeApplied(
    answer,
    `is a candidate that waits for another person: sallyport policy approve ${version}, then sallyport rollout start ${version}`,
  );
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
