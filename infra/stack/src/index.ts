/** The development stack as a library, for tests and benchmarks. */
export { type AdminApi, AdminApiError, openAdminApi } from './client/admin-api.ts';
export { type Answer, type Ask, Browser, type Whereabouts } from './client/browser.ts';
export { CookieJar } from './client/cookie-jar.ts';
export { connectFrom } from './client/fronted.ts';
export { processTree } from './process-tree.ts';
export { ProcessDied } from './processes.ts';
export { Stack } from './running-stack.ts';
export type {
  ControlPlaneDescription,
  EdgeDescription,
  Reach,
  StackDescription,
  StackLink,
  StackUser,
} from './stack.ts';
export { type StackOptions, startStack } from './start.ts';
export { tellStory } from './story/story.ts';
