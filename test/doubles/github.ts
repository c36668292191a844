/** As much of GitHub's API as tells about a token: any answer has its end and its scopes in headers (facts/registries.md section 3.1). */

import { type ApiDouble, startApi } from './token-api.ts'

export interface GithubToken {
  readonly token: string
  /** As GitHub writes it: `2026-12-31 23:59:59 UTC`; null = it never ends. */
  readonly expiration: string | null
  /** null: not a classic token, which has none. */
  readonly scopes: string | null
}

/** A GitHub Enterprise Server's API is under `/api/v3`, and this one's too. */
export async function startGithub(tokens: readonly GithubToken[]): Promise<ApiDouble> {
  return await startApi([
    [
      'GET',
      /^\/api\/v3\/user$/,
      ({ headers }) => {
        const found = tokens.find(({ token }) => headers['authorization'] === `Bearer ${token}`)
        if (found === undefined) return { status: 401, body: { message: 'Bad credentials' } }
        return {
          status: 200,
          headers: {
            ...(found.expiration === null ? {} : { 'github-authentication-token-expiration': found.expiration }),
            ...(found.scopes === null ? {} : { 'x-oauth-scopes': found.scopes }),
          },
          body: { login: 'puller' },
        }
      },
    ],
  ])
}
