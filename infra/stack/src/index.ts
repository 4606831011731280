/** The development stack as a library, for tests and benchmarks. */
export { type AdminApi, AdminApiError, openAdminApi } from './client/admin-api.ts';
export { type Answer, type Ask, Browser } from './client/browser.ts';
export { CookieJar } from './client/cookie-jar.ts';
export { ProcessDied } from './processes.ts';
export type {
  ControlPlaneDescription,
  EdgeDescription,
  StackDescription,
  StackUser,
} from './stack.ts';
export { type Stack, type StackOptions, startStack } from './start.ts';
export { tellStory } from './story/story.ts';
