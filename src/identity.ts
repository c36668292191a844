/** Who runs us, as a token that a registry can check: so that no root secret has to be stored for it. */

import { PullAuthError } from './core/errors.ts'
import type { AwsHeaders, AwsRequest, Http, HttpAnswer, ProviderContext } from './core/ports.ts'
import { bearerHeader, Secret } from './core/secret.ts'
import { parseObject } from './registries/json.ts'

export interface IdentityWorld {
  readonly http: Http
  readonly env: Readonly<Record<string, string | undefined>>
  signAws(request: AwsRequest): Promise<AwsHeaders>
}

/** GitHub's ID token inside a workflow, else AWS outbound identity federation (facts/registries.md section 3.11). */
export function createIdentity(world: IdentityWorld): ProviderContext['identityToken'] {
  return async (audience, only) => {
    if (world.env['GITHUB_ACTIONS'] === 'true') return await githubToken(world, audience)
    if (only === undefined) return await awsToken(world, audience)
    throw unavailable(
      'the registry trusts GitHub’s ID tokens only, and this is no GitHub workflow',
      'Rotate this registry from the Action, or keep a credential for it in a secret of its own: provider static.',
    )
  }
}

async function githubToken({ http, env }: IdentityWorld, audience: string): Promise<Secret> {
  const [url, token] = [env['ACTIONS_ID_TOKEN_REQUEST_URL'], env['ACTIONS_ID_TOKEN_REQUEST_TOKEN']]
  if (!url || !token || !URL.canParse(url)) {
    throw unavailable(
      'this job may not ask GitHub for an ID token',
      'Add "permissions: { id-token: write, contents: read }" to the job. Workflows of forks never get it.',
    )
  }
  const asked = new URL(url)
  asked.searchParams.set('audience', audience)
  const headers = { authorization: bearerHeader(new Secret(token)), accept: 'application/json' }
  const answer = await twice(() => http.send({ method: 'GET', url: asked.href, headers }))
  const value = answer.kind === 'answer' && answer.status === 200 ? parseObject(answer.body.reveal())['value'] : null
  if (typeof value === 'string' && value !== '') return new Secret(value)
  throw unavailable(`GitHub gave no ID token (${said(answer)})`, 'Run the job again; see GitHub’s status page.')
}

/** Five minutes are enough for one exchange. RS256 is what every registry reads. */
const AWS_QUERY = {
  Action: 'GetWebIdentityToken',
  Version: '2011-06-15',
  SigningAlgorithm: 'RS256',
  DurationSeconds: '300',
}

async function awsToken({ http, signAws }: IdentityWorld, audience: string): Promise<Secret> {
  const body = new URLSearchParams({ ...AWS_QUERY, 'Audience.member.1': audience }).toString()
  const answer = await twice(async () => {
    const { url, headers } = await signAws({
      service: 'sts',
      region: null,
      method: 'POST',
      url: null,
      headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' },
      body,
    })
    return await http.send({ method: 'POST', url, headers, body })
  })
  const text = answer.kind === 'answer' ? answer.body.reveal() : ''
  const token = /<WebIdentityToken>([A-Za-z0-9._-]+)<\/WebIdentityToken>/.exec(text)?.[1]
  if (answer.kind === 'answer' && answer.status === 200 && token !== undefined) return new Secret(token)
  const code = /<Code>([A-Za-z]{1,80})<\/Code>/.exec(text)?.[1]
  throw unavailable(`AWS STS gave no web identity token (${code ?? said(answer)})`, awsHint(code))
}

function awsHint(code: string | undefined): string {
  if (code?.startsWith('OutboundWebIdentityFederationDisabled'))
    return 'Enable it once for the account: aws iam enable-outbound-web-identity-federation'
  if (code === 'AccessDenied')
    return 'Allow sts:GetWebIdentityToken to the role; the sts:identityTokenAudience condition can name the audience.'
  return 'Outside a workflow the identity comes from AWS: check the credentials, the Region and the way to its STS endpoint.'
}

/** Reads and exchanges that change nothing: one more try when there was no clear answer. */
async function twice(ask: () => Promise<HttpAnswer>): Promise<HttpAnswer> {
  const first = await ask()
  return first.kind !== 'answer' || first.status >= 500 ? await ask() : first
}

function said(answer: HttpAnswer): string {
  return answer.kind === 'answer' ? `it answered ${answer.status}` : answer.reason
}

function unavailable(what: string, hint: string): PullAuthError {
  return new PullAuthError('IDENTITY_UNAVAILABLE', `No identity token: ${what}.`, hint)
}
