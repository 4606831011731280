import { html, page } from '../page.ts';

/** The form; posts to its own address, so that plain curl can drive it. */
export function signInPage({ failed, email }: { failed: boolean; email: string }): string {
  return page({
    title: 'Sign in to Corp',
    badge: 'Corp identity provider',
    main: html`
      <h1>Sign in</h1>
      <p>This is the identity provider of the development stack.</p>
      ${failed ? html`<p class="alert" role="alert">The address or the password is wrong.</p>` : ''}
      <form method="post">
        <label>E-mail <input name="email" type="email" value="${email}" autocomplete="username"
          required autofocus></label>
        <label>Password <input name="password" type="password" autocomplete="current-password"
          required></label>
        <button type="submit">Sign in</button>
      </form>`,
  });
}

/** Whatever went wrong in the provider, in its own words. */
export function errorPage(message: string): string {
  return page({
    title: 'Sign-in failed',
    badge: 'Corp identity provider',
    main: html`<h1>Sign-in failed</h1><p class="alert" role="alert">${message}</p>`,
  });
}
