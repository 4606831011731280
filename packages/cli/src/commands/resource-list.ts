import { type Command, Option } from 'commander';
import { action, type CommandFile } from '../call.ts';
import { requireUser } from '../client/find.ts';
import { readPages } from '../client/pages.ts';
import { writeRows } from '../output/rows.ts';
import { type Resource, resourcePath, resources } from '../resources.ts';
import { noun, type PageOptions, withPaging } from './options.ts';

/** Resources that are only listed. The others have verbs, whose options must not mix with ours. */
const onlyListed: ReadonlySet<string> = new Set(['sessions', 'revocations', 'versions', 'audit']);

type Options = PageOptions & Readonly<Record<string, unknown>>;

/** `sessions`, `edges`, `users` and the like: a command for each resource, which lists it. */
export const registerLists: CommandFile = (program, session) => {
  for (const [name, resource] of Object.entries<Resource>(resources)) {
    const filters = Object.entries(resource.filters).map(([parameter, filter]) => ({
      parameter,
      option: new Option(filter.flags, filter.description),
    }));
    const command = listCommand(noun(program, name, resource.summary), name, resource.summary);
    for (const { option } of filters) command.addOption(option);
    withPaging(command).action(
      action<Options>(session, async ({ api, options, output }) => {
        const query = Object.fromEntries(
          filters.map(({ parameter, option }) => [
            parameter,
            queryValue(options[option.attributeName()]),
          ]),
        );
        const page = await readPages(api(), resourcePath(resource), query, options);
        const { user } = query;
        // An address with a slip in it is not somebody of whom there is nothing.
        if (page.items.length === 0 && typeof user === 'string') await requireUser(api(), user);
        writeRows(output, resource.columns(page.items), page);
        return 'ok';
      }),
    );
  }
};

/** The noun itself where it has no verbs, else its verb `list`, which the noun alone means too. */
function listCommand(noun: Command, name: string, summary: string): Command {
  if (onlyListed.has(name)) return noun;
  noun.addHelpText('after', `\nFilters and paging: sallyport ${name} list --help`);
  return noun
    .command('list', { isDefault: true })
    .summary(`list ${name}`)
    .description(`Lists ${summary}.`);
}

function queryValue(value: unknown): string | boolean | undefined {
  return typeof value === 'string' || typeof value === 'boolean' ? value : undefined;
}
